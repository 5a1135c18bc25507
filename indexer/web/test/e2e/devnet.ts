/** A devnet as `assay up` makes it, with sales of its own. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import {
  type Abi,
  type Address,
  createTestClient,
  type Hex,
  http,
  type LocalAccount,
  parseAbi,
  publicActions,
  walletActions,
} from "viem";
import { mnemonicToAccount } from "viem/accounts";
import { foundry } from "viem/chains";
import { ZERO_ADDRESS, ZERO_HASH } from "../../src/lib/format";
import { allocationLeaf, type PromoCode, promoLeaf, StandardTree } from "../../src/lib/list";

const ROOT = resolve("../..");
const BINARY = join(process.env.CARGO_TARGET_DIR ?? join(ROOT, "target"), "debug", "assay");

/** Anvil's accounts from here on are nobody's in the devnet. */
export const account = (number: number) =>
  mnemonicToAccount("test test test test test test test test test test test junk", { addressIndex: number });

const SELLER = account(19);
const TOKEN = parseAbi([
  "function mint(address to, uint256 amount)",
  "function balanceOf(address) view returns (uint256)",
  "function allowance(address, address) view returns (uint256)",
]);

const LEDGER = parseAbi(["function balanceOf(address, uint256) view returns (uint256)"]);

/** A contract of this folder. */
function compiled(name: string): { abi: Abi; bytecode: Hex } {
  const content = readFileSync(`test/e2e/${name}.sol`, "utf8");
  const settings = { outputSelection: { "*": { "*": ["abi", "evm.bytecode.object"] } } };
  const sources = { [name]: { content } };
  const input = JSON.stringify({ language: "Solidity", sources, settings });
  const { status, stdout } = spawnSync(process.execPath, [join(ROOT, "tools/solc"), "--standard-json"], { input });
  const answer = status === 0 ? JSON.parse(stdout.toString()) : {};
  const contract = answer.contracts?.[name]?.[name];
  if (!contract) throw new Error(`${name}.sol was not compiled: ${JSON.stringify(answer.errors)}`);
  return { abi: contract.abi, bytecode: `0x${contract.evm.bytecode.object}` };
}

export const clientOf = (rpc: string) =>
  createTestClient({ chain: foundry, mode: "anvil", transport: http(rpc), pollingInterval: 100 })
    .extend(publicActions)
    .extend(walletActions);

export interface SaleRecord {
  address: Address;
  license: Address;
  block: number;
}

interface Report {
  rpc_url: string;
  indexer: string;
  config: string;
  suite: { ledger: Address; devToken: Address };
}

export class Devnet {
  private readonly process: ChildProcess;
  private readonly folder: string;
  readonly report: Report;
  readonly client: ReturnType<typeof clientOf>;

  private constructor(process: ChildProcess, folder: string, report: Report) {
    this.process = process;
    this.folder = folder;
    this.report = report;
    this.client = clientOf(report.rpc_url);
  }

  /** With `settings` in its environment. */
  static async start(settings: Record<string, string> = {}): Promise<Devnet> {
    if (!existsSync(BINARY)) throw new Error(`${BINARY} is missing: cargo build --workspace --bin assay`);
    const folder = mkdtempSync(join(tmpdir(), "assay-page-"));
    cpSync(join(ROOT, "test-fixtures/models/tiny"), join(folder, "tiny"), { recursive: true });
    const path = `${join(ROOT, ".tools/bin")}:${process.env.PATH}`;
    const up = ["up", "--rpc-port", "0", "--http-port", "0", "--model", "tiny", "--no-nodes", "--json"];
    const child = spawn(BINARY, up, {
      cwd: folder,
      env: { ...process.env, ...settings, PATH: path },
      stdio: ["ignore", "pipe", "inherit"],
    });
    const report = await new Promise<Report>((done, failed) => {
      child.once("exit", (code) => failed(new Error(`assay up ended with ${code}`)));
      let text = "";
      createInterface({ input: child.stdout }).on("line", (line) => {
        text += line;
        try {
          done(JSON.parse(text));
        } catch {
          // More lines follow.
        }
      });
    });
    return new Devnet(child, folder, report);
  }

  async stop(): Promise<void> {
    const ended = new Promise((done) => this.process.once("exit", done));
    this.process.kill("SIGTERM");
    await ended;
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** Runs `assay` as the devnet's customer would. */
  async assay(...args: string[]): Promise<void> {
    const env = { ...process.env, ASSAY_CONFIG: this.report.config };
    const child = spawn(BINARY, args, { cwd: this.folder, env, stdio: ["ignore", "ignore", "inherit"] });
    const code = await new Promise((done) => child.once("exit", done));
    if (code !== 0) throw new Error(`assay ${args.join(" ")} ended with ${code}`);
  }

  /** What `assay` reports. */
  // biome-ignore lint/suspicious/noExplicitAny: reports differ.
  async told(...args: string[]): Promise<any> {
    const env = { ...process.env, ASSAY_CONFIG: this.report.config };
    const child = spawn(BINARY, [...args, "--json"], { cwd: this.folder, env, stdio: ["ignore", "pipe", "inherit"] });
    let text = "";
    child.stdout.on("data", (part) => {
      text += part;
    });
    const code = await new Promise((done) => child.once("close", done));
    if (code !== 0) throw new Error(`assay ${args.join(" ")} ended with ${code}`);
    return JSON.parse(text);
  }

  async now(): Promise<number> {
    return Number((await this.client.getBlock()).timestamp);
  }

  async passTime(seconds: number): Promise<void> {
    await this.client.increaseTime({ seconds });
    await this.client.mine({ blocks: 1 });
  }

  /** Play money, and what gas costs. */
  async fund(to: Address, amount: bigint): Promise<void> {
    for (const address of [to, SELLER.address]) await this.client.setBalance({ address, value: 10n ** 22n });
    const { devToken } = this.report.suite;
    await this.mined(
      this.client.writeContract({
        account: SELLER,
        address: devToken,
        abi: TOKEN,
        functionName: "mint",
        args: [to, amount],
      }),
    );
  }

  tokenBalance(of: Address, token = this.report.suite.devToken): Promise<bigint> {
    return this.client.readContract({ address: token, abi: TOKEN, functionName: "balanceOf", args: [of] });
  }

  allowance(token: Address, of: Address, spender: Address): Promise<bigint> {
    return this.client.readContract({ address: token, abi: TOKEN, functionName: "allowance", args: [of, spender] });
  }

  /** What the ledger holds for an account. */
  ledgerBalance(of: Address, token: Address): Promise<bigint> {
    const { ledger: address } = this.report.suite;
    return this.client.readContract({ address, abi: LEDGER, functionName: "balanceOf", args: [of, BigInt(token)] });
  }

  /** A token as the largest dollar is. */
  async cautiousToken(...holders: [Address, bigint][]): Promise<Address> {
    const { abi, bytecode } = compiled("CautiousToken");
    const { contractAddress } = await this.mined(this.client.deployContract({ account: SELLER, abi, bytecode }));
    if (!contractAddress) throw new Error("no contract was made");
    for (const args of holders) {
      const call = { account: SELLER, address: contractAddress, abi: TOKEN, functionName: "mint", args } as const;
      await this.mined(this.client.writeContract(call));
    }
    return contractAddress;
  }

  async mined(sent: Promise<Hex>) {
    const receipt = await this.client.waitForTransactionReceipt({ hash: await sent });
    if (receipt.status !== "success") throw new Error(`transaction ${receipt.transactionHash} reverted`);
    return receipt;
  }

  /** One licence of a sale's first tier, for native currency. */
  async buy(account: LocalAccount, address: Address): Promise<void> {
    const { abi } = JSON.parse(readFileSync(join(ROOT, "contracts/abi/NodeSale.json"), "utf8"));
    const value = 10n ** 20n;
    const promo = { code: ZERO_HASH, discount: 0n, total: 0n, proof: [] };
    const none = { buyback: false, referrer: ZERO_ADDRESS, promo, allocation: 0n, allowlistProof: [] };
    const args = [{ token: 0, tier: 0, quantity: 1, maxCost: value, ...none }];
    const call = { account, address, abi: abi as Abi, functionName: "buy", args, value, gas: 5_000_000n } as const;
    await this.mined(this.client.writeContract(call));
  }

  /** A sale by order for native currency and play money, whose times are seconds from now. */
  async sell(choice: Partial<SaleChoice>): Promise<SaleRecord> {
    const chosen = { ...DEFAULTS, ...choice };
    const artifact = JSON.parse(readFileSync(join(ROOT, "contracts/abi/NodeSale.json"), "utf8"));
    const abi: Abi = artifact.abi;
    const start = await this.now();
    const tree = new StandardTree(chosen.list.map(([account, allocation]) => allocationLeaf({ account, allocation })));
    const terms = {
      seller: SELLER.address,
      allowlistAt: start,
      publicAt: start + chosen.publicIn,
      endsAt: start + chosen.endsIn,
      sequential: chosen.sequential,
      softCap: chosen.softCap,
      allowlistRoot: tree.root ?? ZERO_HASH,
      promoRoot: new StandardTree(chosen.promos.map(promoLeaf)).root ?? ZERO_HASH,
      referralDiscount: 500,
      referralCommission: 1000,
      buybackFee: 1000,
      buybackUntil: start + chosen.endsIn + 86_400,
      releasedAtOnce: 2000,
      releasePeriod: 8_640_000,
    };
    const collection = {
      name: chosen.name,
      symbol: "NODE",
      transferableAt: start + chosen.endsIn + 86_400,
      royaltyReceiver: SELLER.address,
      royaltyRate: 250,
    };
    const { ledger, devToken } = this.report.suite;
    const tokens = [ZERO_ADDRESS, devToken, ...chosen.tokens];
    const tiers = chosen.tiers.map(([supply, price]) => {
      const prices = tokens.map((token) => (token === ZERO_ADDRESS ? price * 10n ** 12n : price));
      return { supply, cap: 8, prices };
    });
    const args = [ledger, terms, collection, tokens, tiers];
    const sent = this.client.deployContract({
      account: SELLER,
      abi,
      bytecode: artifact.bytecode,
      args,
      gas: 15_000_000n,
    });
    const { contractAddress: address, blockNumber } = await this.mined(sent);
    if (!address) throw new Error("no contract was made");
    const license = (await this.client.readContract({ address, abi, functionName: "license" })) as Address;
    return { address, license, block: Number(blockNumber) };
  }
}

interface SaleChoice {
  name: string;
  publicIn: number;
  endsIn: number;
  softCap: number;
  sequential: boolean;
  /** Supply and price in millionths of a play dollar; in native currency a million millionth of as much. */
  tiers: [number, bigint][];
  list: [Address, bigint][];
  promos: PromoCode[];
  /** What is taken besides native currency and play money, for as much as of play money. */
  tokens: Address[];
}

const DEFAULTS: SaleChoice = {
  name: "Assay Node",
  publicIn: 0,
  endsIn: 7 * 86_400,
  softCap: 5,
  sequential: true,
  tiers: [
    [6, 500_000_000n],
    [10, 560_000_000n],
    [14, 640_000_000n],
    [20, 750_000_000n],
  ],
  list: [],
  promos: [],
  tokens: [],
};
