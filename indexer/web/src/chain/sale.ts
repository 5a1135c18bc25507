/** A sale as the chain has it. What is paid is never taken from the index. */
import { useQuery } from "@tanstack/react-query";
import { type Address, type Hex, type PublicClient, parseAbi } from "viem";
import { usePublicClient } from "wagmi";
import type { SaleRecord } from "../api/types";
import { ZERO_ADDRESS } from "../lib/format";
import type { TierState } from "../lib/price";
import { nodeLicenseAbi, nodeSaleAbi } from "./abi.gen";

export const OUTCOMES = ["open", "succeeded", "failed"] as const;
export type Outcome = (typeof OUTCOMES)[number];
export type Phase = "before" | "allow-list" | "public" | "over";

export interface Sale extends Omit<SaleRecord, "terms"> {
  name: string;
  /** Of its tiers, where the deployment record has them. */
  tierNames: string[];
  terms: {
    seller: Address;
    allowlistAt: number;
    publicAt: number;
    endsAt: number;
    sequential: boolean;
    softCap: number;
    allowlistRoot: Hex;
    promoRoot: Hex;
    referralDiscount: number;
    referralCommission: number;
    buybackFee: number;
    buybackUntil: number;
    releasedAtOnce: number;
    releasePeriod: number;
  };
  tokens: readonly Address[];
  /** Prices are by token, in the order of `tokens`. */
  tiers: { supply: number; sold: number; cap: number; first: number; prices: bigint[] }[];
  outcome: Outcome;
  transferableAt: number;
  /** The chain's clock (Unix seconds), and when it was read by this machine's. */
  chainTime: number;
  readAt: number;
}

const SALE_INTERVAL_MS = 3000;

/** What cannot change is read once. */
async function readTerms(client: PublicClient, { address, license }: SaleRecord) {
  const sale = { address, abi: nodeSaleAbi };
  const licence = { address: license, abi: nodeLicenseAbi };
  const [terms, tokens, tiers, name, transferableAt] = await Promise.all([
    client.readContract({ ...sale, functionName: "terms" }),
    client.readContract({ ...sale, functionName: "tokens" }),
    client.readContract({ ...sale, functionName: "tiers" }),
    client.readContract({ ...licence, functionName: "name" }),
    client.readContract({ ...licence, functionName: "transferableAt" }),
  ]);
  const price = (tier: number, token: number) =>
    client.readContract({ ...sale, functionName: "priceOf", args: [tier, token] });
  const prices = await Promise.all(tiers.map((_, tier) => Promise.all(tokens.map((_, token) => price(tier, token)))));
  return { terms, tokens, name, transferableAt, prices };
}

export function useSale(record: SaleRecord | undefined) {
  const client = usePublicClient();
  const fixed = useQuery({
    queryKey: ["sale terms", client?.chain.id, record?.address],
    enabled: !!client && !!record,
    staleTime: Number.POSITIVE_INFINITY,
    queryFn: () => {
      if (!client || !record) throw new Error("disabled");
      return readTerms(client, record);
    },
  });
  return useQuery({
    queryKey: ["sale", client?.chain.id, record?.address],
    enabled: !!client && !!record && !!fixed.data,
    refetchInterval: SALE_INTERVAL_MS,
    queryFn: async (): Promise<Sale> => {
      if (!client || !record || !fixed.data) throw new Error("disabled");
      const sale = { address: record.address, abi: nodeSaleAbi };
      const { prices, ...promised } = fixed.data;
      const [tiers, outcome, block] = await Promise.all([
        client.readContract({ ...sale, functionName: "tiers" }),
        client.readContract({ ...sale, functionName: "outcome" }),
        client.getBlock(),
      ]);
      return {
        ...record,
        ...promised,
        tierNames: record.terms?.tiers.map((tier) => tier.name) ?? [],
        tiers: tiers.map((tier, i) => ({ ...tier, prices: prices[i] ?? [] })),
        outcome: OUTCOMES[outcome] ?? "open",
        chainTime: Number(block.timestamp),
        readAt: Date.now(),
      };
    },
  });
}

/** Everything that these sales take, each token once. */
export function useTokensOf(records: SaleRecord[]): Address[] {
  const client = usePublicClient();
  const { data } = useQuery({
    queryKey: ["sale tokens", client?.chain.id, ...records.map(({ address }) => address)],
    enabled: !!client,
    staleTime: Number.POSITIVE_INFINITY,
    queryFn: async () => {
      const read = { abi: nodeSaleAbi, functionName: "tokens" } as const;
      const lists = await Promise.all(records.map(({ address }) => client?.readContract({ ...read, address }) ?? []));
      return [...new Set(lists.flat())];
    },
  });
  return data ?? [];
}

export const tiersFor = (sale: Sale, token: number): TierState[] =>
  sale.tiers.map(({ supply, sold, cap, prices }) => ({ supply, sold, cap, price: prices[token] ?? 0n }));

export const tierName = (sale: Sale, tier: number): string => sale.tierNames[tier] ?? `Tier ${tier + 1}`;
export const soldOf = (sale: Sale): number => sale.tiers.reduce((sum, tier) => sum + tier.sold, 0);
export const supplyOf = (sale: Sale): number => sale.tiers.reduce((sum, tier) => sum + tier.supply, 0);

/** Where the sale is at a time of the chain's clock. */
export function phaseOf(sale: Pick<Sale, "terms" | "outcome">, time: number): Phase {
  if (sale.outcome !== "open" || time >= sale.terms.endsAt) return "over";
  if (time < sale.terms.allowlistAt) return "before";
  return time < sale.terms.publicAt ? "allow-list" : "public";
}

/** What one account may still do in a sale. */
export interface Buyer {
  account: Address;
  /** Of each tier, ever. */
  bought: number[];
  licences: number;
  /** Of the token that it would pay in. */
  balance: bigint;
}

export function useBuyer(sale: Sale | undefined, account: Address | undefined, token: Address | undefined) {
  const client = usePublicClient();
  return useQuery({
    queryKey: ["buyer", client?.chain.id, sale?.address, account, token],
    enabled: !!client && !!sale && !!account && !!token,
    refetchInterval: SALE_INTERVAL_MS,
    queryFn: async (): Promise<Buyer> => {
      if (!client || !sale || !account || !token) throw new Error("disabled");
      const licence = { address: sale.license, abi: nodeLicenseAbi };
      const [licences, balance, ...bought] = await Promise.all([
        client.readContract({ ...licence, functionName: "balanceOf", args: [account] }),
        balanceOf(client, token, account),
        ...sale.tiers.map((_, tier) =>
          client.readContract({ ...licence, functionName: "boughtIn", args: [account, tier] }),
        ),
      ]);
      return { account, licences: Number(licences), balance, bought: bought.map(Number) };
    },
  });
}

const BALANCE = parseAbi(["function balanceOf(address) view returns (uint256)"]);

const balanceOf = (client: PublicClient, token: Address, account: Address): Promise<bigint> =>
  token === ZERO_ADDRESS
    ? client.getBalance({ address: account })
    : client.readContract({ address: token, abi: BALANCE, functionName: "balanceOf", args: [account] });
