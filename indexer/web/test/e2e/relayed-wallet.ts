/** A wallet on another device: the page and it meet at a relay. */
import { SignClient } from "@walletconnect/sign-client";
import type { Request, Wallet } from "./wallet";

type Client = InstanceType<typeof SignClient>;
const CHAIN = "eip155:31337";
const REJECTED = { code: 5000, message: "User rejected." };

let wallets = 0;

export class RelayedWallet {
  private readonly client: Client;
  private readonly wallet: Wallet;
  /** Sessions that the page has ended. */
  ended = 0;
  /** What the page is asked to name itself. */
  peer = "";
  /** Whether requests are left without an answer. */
  silent = false;

  private constructor(client: Client, wallet: Wallet) {
    [this.client, this.wallet] = [client, wallet];
    client.on("session_proposal", ({ id, params }) => {
      this.peer = params.proposer.metadata.url;
      void this.consider(id, params.optionalNamespaces.eip155 ?? { methods: [], events: [] });
    });
    client.on("session_request", ({ id, topic, params }) => void this.respond(id, topic, params.request as Request));
    client.on("session_delete", () => {
      this.ended++;
    });
  }

  static async start(relayUrl: string, projectId: string, wallet: Wallet): Promise<RelayedWallet> {
    const metadata = { name: "Phone", description: "A wallet of the tests", url: "https://phone.example", icons: [] };
    const shared = { relayUrl, projectId, metadata, telemetryEnabled: false, logger: "silent" };
    // One store each, or the second would take the first one's keys.
    return new RelayedWallet(await SignClient.init({ ...shared, customStoragePrefix: `phone-${++wallets}` }), wallet);
  }

  pair = (uri: string) => this.client.pair({ uri });

  async disconnect(): Promise<void> {
    const reason = { code: 6000, message: "User disconnected." };
    await Promise.all(this.client.session.keys.map((topic) => this.client.disconnect({ topic, reason })));
  }

  async stop(): Promise<void> {
    this.client.core.heartbeat.stop();
    await this.client.core.relayer.transportClose();
  }

  private async consider(id: number, { methods, events }: { methods: string[]; events: string[] }): Promise<void> {
    const accounts = await this.wallet.answer({ method: "eth_requestAccounts" }).catch(() => null);
    if (!accounts) return this.client.reject({ id, reason: REJECTED });
    const eip155 = {
      chains: [CHAIN],
      accounts: (accounts as string[]).map((address) => `${CHAIN}:${address}`),
      methods,
      events,
    };
    await this.client.approve({ id, namespaces: { eip155 } });
  }

  private async respond(id: number, topic: string, request: Request): Promise<void> {
    if (this.silent) return;
    const response = await this.wallet.answer(request).then(
      (result) => ({ id, jsonrpc: "2.0", result }),
      () => ({ id, jsonrpc: "2.0", error: REJECTED }),
    );
    await this.client.respond({ topic, response });
  }
}
