/** A wallet that signs for real: it announces itself by EIP-6963 in the page, and keeps its keys here. */
import type { Page } from "playwright-core";
import type { Hex, LocalAccount } from "viem";
import { serializeTransaction } from "viem";
import type { clientOf } from "./devnet";

type Client = ReturnType<typeof clientOf>;
export interface Request {
  method: string;
  params?: unknown[];
}

class WalletError extends Error {
  readonly code: number;
  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

export class Wallet {
  accounts: LocalAccount[];
  chainId = 31337;
  /** What the person does with the next request: answers it, declines it, or lets something happen before. */
  next: "answer" | "decline" = "answer";
  before: (() => Promise<void>) | undefined;
  /** Sends in the node's place, for what only some wallets do. */
  sending: ((signed: (gasPrice: bigint) => Promise<Hex>) => Promise<Hex>) | undefined;
  locked = false;
  readonly asked: string[] = [];
  private readonly client: Client;
  private page: Page | undefined;
  /** Whether the person let the page see the accounts. */
  private permitted = false;

  constructor(client: Client, ...accounts: LocalAccount[]) {
    this.client = client;
    this.accounts = accounts;
  }

  async inject(page: Page): Promise<void> {
    this.page = page;
    await page.exposeFunction("walletRequest", (request: Request) =>
      this.answer(request).then(
        (result) => ({ result }),
        (error) => ({ error: { code: error.code ?? -32603, message: error.message, data: error.data } }),
      ),
    );
    await page.addInitScript(announce);
  }

  async emit(event: string, value: unknown): Promise<void> {
    await this.page?.evaluate(([name, detail]) => window.dispatchEvent(new CustomEvent(`wallet:${name}`, { detail })), [
      event,
      value,
    ] as const);
  }

  async choose(...accounts: LocalAccount[]): Promise<void> {
    this.accounts = accounts;
    await this.emit(
      "accountsChanged",
      accounts.map(({ address }) => address),
    );
  }

  async moveTo(chainId: number): Promise<void> {
    this.chainId = chainId;
    await this.emit("chainChanged", `0x${chainId.toString(16)}`);
  }

  private get current(): LocalAccount {
    const [account] = this.accounts;
    if (!account) throw new WalletError(4100, "locked");
    return account;
  }

  /** Answers as the person wants. */
  async answer({ method, params = [] }: Request): Promise<unknown> {
    switch (method) {
      case "eth_chainId":
        return `0x${this.chainId.toString(16)}`;
      case "eth_accounts":
        return this.locked || !this.permitted ? [] : this.accounts.map(({ address }) => address);
      case "wallet_requestPermissions":
      case "wallet_revokePermissions":
        throw new WalletError(4200, "not supported");
      case "eth_requestAccounts":
        await this.person(method);
        this.permitted = true;
        return this.accounts.map(({ address }) => address);
      case "wallet_switchEthereumChain": {
        await this.person(method);
        const [{ chainId }] = params as [{ chainId: Hex }];
        await this.moveTo(Number(chainId));
        return null;
      }
      case "eth_signTypedData_v4": {
        await this.person(method);
        const { domain, types, primaryType, message } = JSON.parse(params[1] as string);
        return this.current.signTypedData({ domain, types, primaryType, message });
      }
      case "eth_sendTransaction":
        await this.person(method);
        return this.send(params[0] as { to: Hex; data?: Hex; value?: Hex });
      default:
        return this.client.request({ method, params } as never);
    }
  }

  /** What the person at the wallet does. */
  private async person(method: string): Promise<void> {
    this.asked.push(method);
    const { next, before } = this;
    [this.next, this.before] = ["answer", undefined];
    if (this.locked) throw new WalletError(4100, "The wallet is locked.");
    if (next === "decline") throw new WalletError(4001, "User rejected the request.");
    await before?.();
  }

  private async send({ to, data = "0x", value = "0x0" }: { to: Hex; data?: Hex; value?: Hex }): Promise<Hex> {
    const account = this.current;
    const nonce = await this.client.getTransactionCount({ address: account.address, blockTag: "pending" });
    const signed = (gasPrice: bigint): Promise<Hex> =>
      account.signTransaction(
        { type: "legacy", chainId: 31337, nonce, to, data, value: BigInt(value), gas: 2_000_000n, gasPrice },
        { serializer: serializeTransaction },
      );
    if (this.sending) {
      const sending = this.sending;
      this.sending = undefined;
      return sending(signed);
    }
    const gasPrice = (await this.client.getGasPrice()) * 2n;
    return this.client.sendRawTransaction({ serializedTransaction: await signed(gasPrice) });
  }
}

/** Runs in the page. */
function announce(): void {
  type Listener = (value: unknown) => void;
  const listeners = new Map<Listener, EventListener>();
  const provider = {
    request: async (request: unknown) => {
      const scope = window as unknown as {
        walletRequest: (request: unknown) => Promise<{ result?: unknown; error?: object }>;
      };
      const { result, error } = await scope.walletRequest(request);
      if (error) throw Object.assign(new Error(), error);
      return result;
    },
    on: (event: string, listener: Listener) => {
      const heard = (message: Event) => listener((message as CustomEvent).detail);
      listeners.set(listener, heard);
      window.addEventListener(`wallet:${event}`, heard);
    },
    removeListener: (event: string, listener: Listener) => {
      const heard = listeners.get(listener);
      if (heard) window.removeEventListener(`wallet:${event}`, heard);
    },
  };
  const icon =
    "data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 8 8'><circle cx='4' cy='4' r='4' fill='green'/></svg>";
  const info = { uuid: "5a8f0c5e-7d5c-4b63-9f55-5d1f6f0a3c11", name: "Test Wallet", icon, rdns: "test.wallet" };
  const detail = Object.freeze({ info, provider });
  const tell = () => window.dispatchEvent(new CustomEvent("eip6963:announceProvider", { detail }));
  window.addEventListener("eip6963:requestProvider", tell);
  tell();
}
