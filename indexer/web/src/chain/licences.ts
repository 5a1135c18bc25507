/** The licences of an account, found by their transfers and asked one by one: the collection does not list them. */
import { useQuery } from "@tanstack/react-query";
import type { Address, PublicClient } from "viem";
import { usePublicClient } from "wagmi";
import { get } from "../api/client";
import type { Page, SaleRecord } from "../api/types";
import { ZERO_ADDRESS } from "../lib/format";
import { nodeLicenseAbi, nodeSaleAbi } from "./abi.gen";

export interface Licence {
  id: bigint;
  tier: number;
  boughtAt: number;
  buyback: boolean;
  operator: Address | null;
  operatorUntil: number;
  /** What it cost: what a refund pays. */
  token: Address;
  paid: bigint;
}

/** What the chain says was sent to the account. */
async function received(client: PublicClient, sale: SaleRecord, owner: Address): Promise<bigint[]> {
  const events = await client.getContractEvents({
    address: sale.license,
    abi: nodeLicenseAbi,
    eventName: "Transfer",
    args: { to: owner },
    fromBlock: BigInt(sale.block),
  });
  return events.map((event) => event.args.tokenId ?? 0n);
}

/** What the index says, for endpoints that search no long ranges of blocks. */
async function indexed(sale: SaleRecord, owner: Address): Promise<bigint[]> {
  const path = `/v1/sales/${sale.address}/licenses?owner=${owner}&limit=200`;
  const ids: bigint[] = [];
  for (let next: string | null = ""; next !== null; ) {
    const page: Page<{ id: number }> = await get(next ? `${path}&cursor=${next}` : path);
    ids.push(...page.items.map(({ id }) => BigInt(id)));
    next = page.next;
  }
  return ids;
}

async function ownedIds(client: PublicClient, sale: SaleRecord, owner: Address): Promise<bigint[]> {
  const found = await received(client, sale, owner).catch(() => indexed(sale, owner));
  const ids = [...new Set(found)];
  const owners = await Promise.all(ids.map((id) => ownerOf(client, sale, id)));
  return ids.filter((_, i) => owners[i] === owner).sort((a, b) => (a < b ? -1 : 1));
}

/** The owner; null for a licence that was returned. */
const ownerOf = (client: PublicClient, sale: SaleRecord, id: bigint): Promise<Address | null> =>
  client
    .readContract({ address: sale.license, abi: nodeLicenseAbi, functionName: "ownerOf", args: [id] })
    .catch(() => null);

async function read(client: PublicClient, sale: SaleRecord, id: bigint): Promise<Licence> {
  const at = { address: sale.license, abi: nodeLicenseAbi, args: [id] } as const;
  const [purchase, operator, expires, [token, paid]] = await Promise.all([
    client.readContract({ ...at, functionName: "purchaseOf" }),
    client.readContract({ ...at, functionName: "userOf" }),
    client.readContract({ ...at, functionName: "userExpires" }),
    client.readContract({ address: sale.address, abi: nodeSaleAbi, functionName: "paidFor", args: [id] }),
  ]);
  const { tier, boughtAt, buyback } = purchase;
  return {
    id,
    tier,
    boughtAt,
    buyback,
    operator: operator === ZERO_ADDRESS ? null : operator,
    operatorUntil: Number(expires),
    token,
    paid,
  };
}

export function useLicences(sale: SaleRecord, owner: Address | undefined) {
  const client = usePublicClient();
  return useQuery({
    queryKey: ["licences", client?.chain.id, sale.address, owner],
    enabled: !!client && !!owner,
    refetchInterval: 4000,
    queryFn: async (): Promise<Licence[]> => {
      if (!client || !owner) throw new Error("disabled");
      const ids = await ownedIds(client, sale, owner);
      return Promise.all(ids.map((id) => read(client, sale, id)));
    },
  });
}
