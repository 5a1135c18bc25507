/** What a network's operator, provider and publisher do, so that epochs pass and can be paid for. */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import {
  type Abi,
  type Address,
  concat,
  encodeAbiParameters,
  type Hex,
  keccak256,
  type LocalAccount,
  numberToHex,
  toRlp,
} from "viem";
import type { Rewards } from "../../src/api/networks";
import type { Devnet } from "./devnet";

const abiOf = (name: string): Abi =>
  JSON.parse(readFileSync(resolve("../../contracts/abi", `${name}.json`), "utf8")).abi;
const abis = Object.fromEntries(
  ["Attestations", "DevToken", "EpochRewards", "Ledger", "LicenseStaking", "PrevrandaoBeacon", "Staking", "Uptime"].map(
    (name) => [name, abiOf(name)],
  ),
);

export interface NetworkRecord {
  licenseStaking: Address;
  attestations: Address;
  uptime: Address;
  terms: {
    genesis: number;
    epochLength: number;
    exam: { sealTime: number; revealTime: number; rounds: number; seatStake: string };
    roots: { bond: string; window: number };
  };
  pools: { address: Address; terms: { roots: { window: number } } }[];
}

export interface Suite {
  ledger: Address;
  devToken: Address;
  staking: Address;
  beacon: Address;
  networks: NetworkRecord[];
  sales: { address: Address; license: Address; block: number }[];
}

const OFFLINE = 1;
const SALT: Hex = `0x${"07".repeat(32)}`;

const leaf = (data: Hex) => keccak256(concat(["0x00", data]));

/** Root of a tree whose odd last nodes move up as they are. */
function rootOf(leaves: Hex[]): Hex {
  let level = leaves;
  while (level.length > 1) {
    const above: Hex[] = [];
    for (let i = 0; i < level.length; i += 2) {
      const [left = "0x", right] = [level[i], level[i + 1]];
      above.push(right ? keccak256(concat(["0x01", left, right])) : left);
    }
    level = above;
  }
  return keccak256(concat(["0x02", numberToHex(leaves.length, { size: 8 }), level[0] ?? "0x"]));
}

/** A header's fields in its encoding's order; those at the end came with forks. */
const FIELDS = (
  "parentHash sha3Uncles miner stateRoot transactionsRoot receiptsRoot logsBloom *difficulty *number *gasLimit *gasUsed " +
  "*timestamp extraData mixHash nonce *baseFeePerGas withdrawalsRoot *blobGasUsed *excessBlobGas parentBeaconBlockRoot requestsHash"
).split(" ");

function headerOf(block: Record<string, Hex | undefined>): Hex {
  const fields = FIELDS.flatMap((field): Hex[] => {
    const isNumber = field.startsWith("*");
    const value = block[isNumber ? field.slice(1) : field];
    if (value === undefined) return [];
    if (!isNumber) return [value];
    return [BigInt(value) === 0n ? "0x" : numberToHex(BigInt(value))];
  });
  const encoded = toRlp(fields);
  if (keccak256(encoded) !== block.hash) throw new Error("the header has fields that are not known here");
  return encoded;
}

export class Epochs {
  private readonly devnet: Devnet;
  private readonly suite: Suite;
  readonly network: NetworkRecord;
  private readonly operator: LocalAccount;
  private readonly provider: LocalAccount;
  /** Operators are numbered after the licences. */
  number = 0;

  constructor(devnet: Devnet, suite: Suite, operator: LocalAccount, provider: LocalAccount) {
    const network = suite.networks[0];
    if (!network) throw new Error("the devnet has no network");
    [this.devnet, this.suite, this.network] = [devnet, suite, network];
    [this.operator, this.provider] = [operator, provider];
  }

  private async send(
    from: LocalAccount,
    name: string,
    address: Address,
    functionName: string,
    args: unknown[],
    value = 0n,
  ) {
    const call = {
      account: from,
      address,
      abi: abis[name] as Abi,
      functionName,
      args,
      value,
      chain: null,
      gas: 5_000_000n,
    };
    return this.devnet.mined(this.devnet.client.writeContract(call));
  }

  private read<T>(name: string, address: Address, functionName: string, args: unknown[] = []): Promise<T> {
    return this.devnet.client.readContract({ address, abi: abis[name] as Abi, functionName, args }) as Promise<T>;
  }

  private async until(time: number): Promise<void> {
    const now = await this.devnet.now();
    if (time > now) await this.devnet.passTime(time - now);
  }

  private begins = (epoch: number) => this.network.terms.genesis + epoch * this.network.terms.epochLength;

  /** An operator that keeps `rate`, and a provider in the only seat. */
  async enroll(rate: number): Promise<void> {
    const { network, operator, provider, suite } = this;
    for (const { address } of [operator, provider]) await this.devnet.client.setBalance({ address, value: 10n ** 21n });
    await this.until(network.terms.genesis);
    await this.send(operator, "LicenseStaking", network.licenseStaking, "register", [operator.address, rate, 5]);
    this.number = await this.read("LicenseStaking", network.licenseStaking, "numberOf", [operator.address]);
    await this.send(operator, "Ledger", suite.ledger, "depositNative", [operator.address], 10n ** 20n);
    for (const poster of [network.uptime, ...network.pools.map((pool) => pool.address)])
      await this.send(operator, "Ledger", suite.ledger, "approve", [poster, 0n, 10n ** 20n]);

    const [stake, token] = [BigInt(network.terms.exam.seatStake), suite.devToken];
    await this.send(provider, "DevToken", token, "mint", [provider.address, stake]);
    await this.send(provider, "DevToken", token, "approve", [suite.ledger, stake]);
    await this.send(provider, "Ledger", suite.ledger, "deposit", [token, provider.address, stake]);
    await this.send(provider, "Ledger", suite.ledger, "approve", [suite.staking, BigInt(token), stake]);
    await this.send(provider, "Staking", suite.staking, "stake", [provider.address, network.attestations, stake]);
    await this.send(provider, "Attestations", network.attestations, "enroll", [provider.address, "127.0.0.1:9000"]);
  }

  epoch = (): Promise<number> => this.read("LicenseStaking", this.network.licenseStaking, "currentEpoch");

  /** Draws an epoch's seed. */
  private async draw(epoch: number): Promise<void> {
    const { attestations, terms } = this.network;
    await this.until(this.begins(epoch) + terms.exam.sealTime);
    await this.send(this.operator, "Attestations", attestations, "begin", [epoch]);
    await this.devnet.client.mine({ blocks: 5 });
    const round: bigint = await this.read("Attestations", attestations, "roundOf", [epoch]);
    const block = await this.devnet.client.request({
      method: "eth_getBlockByNumber",
      params: [numberToHex(round), false],
    } as never);
    await this.send(this.operator, "PrevrandaoBeacon", this.suite.beacon, "record", [headerOf(block as never)]);
    await this.send(this.operator, "Attestations", attestations, "draw", [epoch]);
  }

  /** Plays every epoch up to `last`, in which the operator says that the provider was offline, and posts all. */
  async playTo(last: number): Promise<void> {
    const { attestations, terms } = this.network;
    const { rounds, revealTime } = terms.exam;
    for (let epoch = 0; epoch <= last; epoch++) await this.draw(epoch);
    await this.until(this.begins(last + 1));
    const answers = numberToHex(OFFLINE, { size: 1 });
    const answersRoot = rootOf(new Array(rounds).fill(leaf(answers)));
    // What says offline needs no signatures.
    const evidenceRoot = rootOf(new Array(rounds).fill(leaf("0x")));
    const words = ["uint256", "address", "uint32", "uint32", "bytes32", "bytes32", "bytes32"].map((type) => ({ type }));
    const seal = keccak256(
      encodeAbiParameters(words, [31337n, attestations, last, this.number, answersRoot, evidenceRoot, SALT]),
    );
    await this.send(this.operator, "Attestations", attestations, "seal", [last, this.number, seal]);
    await this.draw(last + 1);
    const all = concat(new Array<Hex>(rounds).fill(answers));
    await this.send(this.operator, "Attestations", attestations, "reveal", [
      last,
      this.number,
      all,
      evidenceRoot,
      SALT,
      [],
    ]);
    await this.devnet.passTime(revealTime);
    for (let epoch = 0; epoch <= last; epoch++) await this.post(epoch, epoch === last ? all : undefined);
  }

  /** Posts what the command computes of an epoch, and waits until it is final. */
  private async post(epoch: number, truth: Hex | undefined): Promise<void> {
    const pool = this.network.pools[0]?.address as Address;
    const computed = await this.devnet.told("rewards", "recompute", "--epoch", String(epoch));
    const { root, total } = computed.uptime;
    const seats = truth ? 1 : await this.seatsIn(epoch);
    const nothing = numberToHex(0, { size: 1 });
    const posted = truth ?? (seats ? concat(new Array<Hex>(this.network.terms.exam.rounds).fill(nothing)) : "0x");
    const args = [epoch, root.computed, BigInt(total.computed), posted];
    await this.send(this.operator, "Uptime", this.network.uptime, "post", args);
    await this.devnet.passTime(this.network.terms.roots.window);
    await this.send(this.operator, "EpochRewards", pool, "post", [epoch, computed.rewards.root.computed]);
    await this.devnet.passTime(this.network.pools[0]?.terms.roots.window ?? 0);
  }

  private seatsIn = async (epoch: number): Promise<number> =>
    Number(await this.read("Attestations", this.network.attestations, "seatsIn", [epoch]));

  /** What the index says that an operator earned. */
  async rewards(number: number): Promise<Rewards> {
    const networks = `${this.devnet.report.indexer}/v1/networks`;
    const [network] = await (await fetch(networks)).json();
    return (await fetch(`${networks}/${network.network}/operators/${number}/rewards`)).json();
  }
}
