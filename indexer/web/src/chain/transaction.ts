/** One transaction from the wallet's question to a block that stays, each state told as it is. */
import { useCallback, useRef, useState } from "react";
import type { Address, Hash, PublicClient, TransactionReceipt } from "viem";
import { TransactionReceiptNotFoundError } from "viem";
import { useConfig } from "wagmi";
import { getConnection, getPublicClient } from "wagmi/actions";
import { explain, type Trouble } from "./errors";

export type Sending =
  | { state: "idle" }
  /** What will be asked for is made up, and tried on the chain's present state. */
  | { state: "preparing" }
  /** The wallet asks; `what` says for what. */
  | { state: "asking"; what: string }
  | { state: "pending"; hash: Hash; replaced?: "repriced" }
  | { state: "confirmed"; hash: Hash; receipt: TransactionReceipt; replaced?: "repriced" }
  /** The block that held it is no longer part of the chain. */
  | { state: "reorganised"; hash: Hash; block: bigint }
  | { state: "failed"; hash?: Hash; trouble: Trouble };

/** Blocks for which a receipt is looked at again. */
const WATCHED_BLOCKS = 12n;
const LOOK_EVERY_MS = 1000;

const pause = () => new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));

type Tell = (sending: Sending) => void;

/** Waits for the receipt, and tells when a wallet has put another transaction in this one's place. */
async function land(client: PublicClient, hash: Hash, tell: Tell): Promise<TransactionReceipt | undefined> {
  let cancelled = false;
  let replaced: "repriced" | undefined;
  const receipt = await client.waitForTransactionReceipt({
    hash,
    timeout: 0,
    onReplaced: ({ reason, transaction }) => {
      if (reason !== "repriced") cancelled = true;
      else {
        replaced = "repriced";
        tell({ state: "pending", hash: transaction.hash, replaced });
      }
    },
  });
  const at = receipt.transactionHash;
  if (cancelled) {
    const what = "You cancelled it in your wallet: another transaction took its place.";
    tell({ state: "failed", hash: at, trouble: { what, advice: "Nothing was paid but gas." } });
    return undefined;
  }
  if (receipt.status !== "success") {
    const what = "The chain took the transaction and refused what it asks for.";
    const advice = "Only gas was paid. Somebody may have been first: look at what is left, and try again.";
    tell({ state: "failed", hash: at, trouble: { what, advice } });
    return undefined;
  }
  tell({ state: "confirmed", hash: at, receipt, ...(replaced && { replaced }) });
  return receipt;
}

/** Looks at a receipt until it lies deep enough; false when its block was replaced. */
async function stays(client: PublicClient, receipt: TransactionReceipt, isWatched: () => boolean): Promise<boolean> {
  for (;;) {
    await pause();
    if (!isWatched()) return true;
    const found = await client
      .getTransactionReceipt({ hash: receipt.transactionHash })
      .then((now) => now.blockHash === receipt.blockHash)
      // An endpoint that fails says nothing about the chain.
      .catch((error) => !(error instanceof TransactionReceiptNotFoundError));
    if (!found) return false;
    const head = await client.getBlockNumber({ cacheTime: 0 }).catch(() => 0n);
    if (head >= receipt.blockNumber + WATCHED_BLOCKS) return true;
  }
}

export interface Transaction {
  sending: Sending;
  /** Does `act`, which asks the wallet and answers the hash, and follows the transaction. True once it is in a block. */
  send: (act: (ask: (what: string) => void) => Promise<Hash>) => Promise<boolean>;
  reset: () => void;
}

export function useTransaction(): Transaction {
  const config = useConfig();
  const [sending, tell] = useState<Sending>({ state: "idle" });
  const latest = useRef(0);

  const send = useCallback<Transaction["send"]>(
    async (act) => {
      const turn = ++latest.current;
      const isLatest = () => latest.current === turn;
      const say: Tell = (next) => isLatest() && tell(next);
      const client = getPublicClient(config);
      say({ state: "preparing" });
      try {
        const hash = await act((what) => {
          requireNetwork(config);
          say({ state: "asking", what });
        });
        say({ state: "pending", hash });
        if (!client) return false;
        const receipt = await land(client, hash, say);
        if (receipt) void follow(client, receipt, say, isLatest);
        return receipt !== undefined;
      } catch (error) {
        say({ state: "failed", trouble: explain(error) });
        return false;
      }
    },
    [config],
  );
  const reset = useCallback(() => {
    latest.current++;
    tell({ state: "idle" });
  }, []);
  return { sending, send, reset };
}

/** After a reorganisation the transaction may come into another block, or never: both are told. */
async function follow(client: PublicClient, receipt: TransactionReceipt, say: Tell, isLatest: () => boolean) {
  let at: TransactionReceipt | undefined = receipt;
  while (at && !(await stays(client, at, isLatest))) {
    say({ state: "reorganised", hash: at.transactionHash, block: at.blockNumber });
    at = await land(client, at.transactionHash, say).catch(() => undefined);
  }
}

/** Whether nothing else may be begun: the wallet asks or is about to, or the transaction waits for a block. */
export const isBusy = ({ state }: Sending): boolean =>
  state === "preparing" || state === "asking" || state === "pending";

type Config = ReturnType<typeof useConfig>;

/** Throws in plain words when the wallet is no longer the one that the amounts were shown for. */
export function requireAccount(config: Config, account: Address): void {
  const now = getConnection(config);
  if (now.status !== "connected") throw new Error("Your wallet is locked or disconnected.");
  if (now.address !== account) throw new Error("Your wallet has changed to another account. Check the amounts again.");
}

/** Throws in plain words when the wallet would send to another chain, where these addresses are anybody's. */
function requireNetwork(config: Config): void {
  const { chainId } = getConnection(config);
  if (chainId !== undefined && chainId !== config.chains[0].id)
    throw new Error("Your wallet is on another network. Switch it first: nothing was sent.");
}
