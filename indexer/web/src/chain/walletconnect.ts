/** A wallet elsewhere, which answers through a relay (WalletConnect). What speaks with the relay is loaded when it is first needed. */
import type { SignClient } from "@walletconnect/sign-client";
import type { SessionTypes } from "@walletconnect/types";
import { type Address, getAddress, MethodNotSupportedRpcError, numberToHex, UserRejectedRequestError } from "viem";
import { createConnector } from "wagmi";
import type { Deployment } from "../api/types";
import { Told, type Trouble } from "./errors";

export const WALLETCONNECT = "walletConnect";

type Relay = NonNullable<Deployment["walletconnect"]>;
type Client = InstanceType<typeof SignClient>;

/** What a wallet is asked to allow. Everything else is read from the chain's endpoint. */
const METHODS = ["eth_sendTransaction", "eth_signTypedData_v4"];
const EVENTS = ["accountsChanged", "chainChanged"];

/** How long the relay may take to answer. */
const RELAY_MS = 20_000;

const hostOf = ({ relay_url: url }: Relay) => new URL(url).host;

async function open({ project_id: projectId, relay_url: relayUrl }: Relay): Promise<Client> {
  const { SignClient } = await import("@walletconnect/sign-client");
  const { origin: url } = window.location;
  const metadata = { name: "Assay", description: "Licences and work of an Assay network", url, icons: [] };
  const client = await SignClient.init({ projectId, relayUrl, metadata, telemetryEnabled: false, logger: "silent" });
  // It would vouch for this page's address to wallets, from a third party's frame. They say that they cannot tell instead.
  client.core.verify.register = async () => "";
  // It would tell the relay in the open which contract is called, and in which transaction.
  const { relayer } = client.core;
  const publish = relayer.publish.bind(relayer);
  relayer.publish = (topic, message, { tvf: _, ...options } = {}) => publish(topic, message, options);
  return client;
}

function within<T>(promise: Promise<T>, milliseconds: number, late: Error): Promise<T> {
  let timer: ReturnType<typeof setTimeout>;
  const limit = new Promise<never>((_, failed) => {
    timer = setTimeout(() => failed(late), milliseconds);
  });
  return Promise.race([promise, limit]).finally(() => clearTimeout(timer));
}

const REJECTED = 5000;
const isRejection = (error: unknown): boolean => (error as { code?: unknown } | null)?.code === REJECTED;
const messageOf = (error: unknown): string => (error as { message?: string } | null)?.message ?? String(error);

/** Its errors are plain objects, and some have no code but a sentence. */
function plain(error: unknown, expired: Trouble): Error {
  const message = messageOf(error);
  if (isRejection(error)) return new UserRejectedRequestError(new Error(message));
  if (/expired/i.test(message)) return new Told(expired);
  return error instanceof Error ? error : Object.assign(new Error(message), error);
}

const CODE_EXPIRED = { what: "Nobody answered within five minutes: the code is void.", advice: "Ask for a new one." };
// What is not answered is not refused: a wallet may still show it.
const REQUEST_EXPIRED = {
  what: "Your wallet did not answer within five minutes.",
  advice: "It may still send this: look there, and at your licences, before you try again.",
  open: true,
};

export const walletConnect = (relay: Relay) =>
  createConnector((config) => {
    const [{ id: chainId }] = config.chains;
    const chain = `eip155:${chainId}`;
    const unreachable = {
      what: `The relay at ${hostOf(relay)} cannot be reached, or refuses this page.`,
      advice: "Try again, or use a wallet in this browser.",
    };
    let opening: Promise<Client> | undefined;
    let session: SessionTypes.Struct | undefined;
    let accounts: Address[] = [];

    /** Whether this browser has a session, without which nothing is loaded. Kept beside the relay's own store. */
    const isUsed = () => localStorage.getItem(WALLETCONNECT) !== null;

    function take(next: SessionTypes.Struct): void {
      const offered = Object.values(next.namespaces).flatMap((namespace) => namespace.accounts);
      accounts = offered.filter((id) => id.startsWith(`${chain}:`)).map((id) => getAddress(id.slice(chain.length + 1)));
      session = next;
    }

    function forget(): void {
      localStorage.removeItem(WALLETCONNECT);
      [session, accounts] = [undefined, []];
    }

    const change = () => config.emitter.emit("change", { accounts, chainId });

    /** Follows what the wallet does of its own accord. */
    function follow(client: Client): void {
      const isOurs = (topic: string) => topic === session?.topic;
      const ended = ({ topic }: { topic: string }) => {
        if (!isOurs(topic)) return;
        forget();
        config.emitter.emit("disconnect");
      };
      client.on("session_delete", ended);
      client.on("session_expire", ended);
      client.on("session_update", ({ topic, params: { namespaces } }) => {
        if (!session || !isOurs(topic)) return;
        take({ ...session, namespaces });
        if (accounts.length > 0) change();
        else ended({ topic });
      });
      client.on("session_event", ({ topic, params: { event } }) => {
        if (!isOurs(topic) || event.name !== "accountsChanged") return;
        const first = String([event.data].flat()[0]).split(":").at(-1)?.toLowerCase();
        const chosen = accounts.find((account) => account.toLowerCase() === first);
        if (!chosen) return;
        accounts = [chosen, ...accounts.filter((account) => account !== chosen)];
        change();
      });
    }

    const client = () => {
      opening ??= open(relay).then((opened) => {
        follow(opened);
        return opened;
      });
      return opening.catch((error) => {
        opening = undefined;
        throw error;
      });
    };

    /** Ends a session at the wallet too, if the relay can be reached. */
    const end = (at: Client, topic: string) =>
      void at.disconnect({ topic, reason: { code: 6000, message: "User disconnected." } }).catch(() => undefined);

    async function pair(at: Client): Promise<SessionTypes.Struct> {
      config.emitter.emit("message", { type: "pairing" });
      for (const { topic } of at.session.getAll()) end(at, topic);
      const wanted = { eip155: { chains: [chain], methods: METHODS, events: EVENTS } };
      const pairing = at.connect({ optionalNamespaces: wanted });
      const { uri, approval } = await within(pairing, RELAY_MS, new Told(unreachable));
      config.emitter.emit("message", { type: "display_uri", data: uri });
      return approval().catch((error) => {
        throw plain(error, CODE_EXPIRED);
      });
    }

    async function connect(at: Client): Promise<void> {
      const paired = await pair(at);
      take(paired);
      if (accounts.length > 0) {
        localStorage.setItem(WALLETCONNECT, paired.topic);
        return;
      }
      forget();
      end(at, paired.topic);
      const what = `Your wallet offered no account on ${config.chains[0].name}.`;
      throw new Told({ what, advice: "Add that network in your wallet, and try again." });
    }

    /** The session of an earlier visit, if it still holds. */
    async function restore(): Promise<boolean> {
      if (session) return true;
      if (!isUsed()) return false;
      const at = await client();
      const found = at.session.getAll().find(({ topic }) => topic === localStorage.getItem(WALLETCONNECT));
      if (found) take(found);
      if (accounts.length === 0) forget();
      return accounts.length > 0;
    }

    async function request({ method, params = [] }: { method: string; params?: unknown }): Promise<unknown> {
      if (method === "eth_accounts" || method === "eth_requestAccounts") return accounts;
      if (method === "eth_chainId") return numberToHex(chainId);
      if (!session || !METHODS.includes(method))
        throw new MethodNotSupportedRpcError(new Error(`${method} is not asked for through a relay`), { method });
      const at = await client();
      const call = { topic: session.topic, chainId: chain, request: { method, params } };
      return at.request(call).catch((error: unknown) => {
        throw plain(error, REQUEST_EXPIRED);
      });
    }

    const provider = { request };
    return {
      id: WALLETCONNECT,
      name: "WalletConnect",
      type: WALLETCONNECT,
      async connect({ isReconnecting } = {}) {
        if (!(await restore())) {
          if (isReconnecting) throw new Error("there is no session");
          await connect(await client());
        }
        return { accounts: accounts as never, chainId };
      },
      async disconnect() {
        const topic = session?.topic;
        forget();
        if (topic) end(await client(), topic);
      },
      getAccounts: async () => accounts,
      // Each request names the chain, whatever the wallet shows.
      getChainId: async () => chainId,
      getProvider: async () => provider,
      isAuthorized: restore,
      onAccountsChanged: () => undefined,
      onChainChanged: () => undefined,
      onDisconnect: () => undefined,
    };
  });
