/** The lists that a seller publishes: served by the indexer where it has them, else read from their files; always held against the roots that the sale fixed. */
import { useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import type { Address, Hex } from "viem";
import { usePublicClient } from "wagmi";
import { get } from "../api/client";
import type { SaleAccount, SalePromo } from "../api/types";
import { nodeSaleAbi } from "../chain/abi.gen";
import type { Sale } from "../chain/sale";
import { count, integer, share, ZERO_HASH } from "../lib/format";
import {
  allocationLeaf,
  isListed,
  promoHash,
  promoLeaf,
  readAllowlist,
  readPromoCodes,
  StandardTree,
} from "../lib/list";
import { Notice } from "../parts/layout";

export interface Listed {
  account: Address;
  allocation: bigint;
  proof: readonly Hex[];
}

export interface Promo {
  code: Hex;
  discount: bigint;
  total: bigint;
  proof: readonly Hex[];
}

/** Reads a file and says what was wrong with it. */
function FileField({ label, hint, read }: { label: string; hint: string; read: (text: string) => string | undefined }) {
  const [wrong, setWrong] = useState<string>();
  const choose = async (file: File | undefined) => {
    if (!file) return;
    try {
      setWrong(read(await file.text()));
    } catch (error) {
      setWrong(error instanceof Error ? error.message : String(error));
    }
  };
  return (
    <>
      <label className="field">
        <span>{label}</span>
        <input type="file" accept=".csv,text/csv" onChange={(event) => void choose(event.target.files?.[0])} />
        <small className="dim">{hint}</small>
      </label>
      {wrong && <Notice tone="bad" title={wrong} />}
    </>
  );
}

const base = (sale: Sale) => `/v1/sales/${sale.address}`;

/** The account's line as the indexer serves it, if its proof holds. */
function useServed(sale: Sale, account: Address | undefined): Listed | undefined {
  const { data } = useQuery({
    queryKey: ["listed", sale.address, account],
    enabled: !!account,
    queryFn: () => get<SaleAccount>(`${base(sale)}/accounts/${account}`),
  });
  if (!data?.allowance || !account) return undefined;
  const listed = { account, allocation: BigInt(data.allowance.allocation), proof: data.allowance.proof };
  return isListed(allocationLeaf(listed), listed.proof, sale.terms.allowlistRoot) ? listed : undefined;
}

const ANOTHER_LIST = "This is not the list of this sale: it has another root.";

/** Whether the connected account is on the allow-list, and for how many. */
export function ListFile({
  sale,
  account,
  listed,
  found,
}: {
  sale: Sale;
  account: Address | undefined;
  listed: Listed | null;
  found: (listed: Listed | null) => void;
}) {
  const served = useServed(sale, account);
  useEffect(() => {
    if (served && listed?.account !== account) found(served);
  });
  const read = (text: string): string | undefined => {
    found(null);
    if (!account) return "Connect the account that is on the list first.";
    const rows = readAllowlist(text);
    const tree = new StandardTree(rows.map(allocationLeaf));
    if (tree.root !== sale.terms.allowlistRoot) return ANOTHER_LIST;
    const own = rows.find((row) => row.account === account);
    if (!own) return "This account is not on the list. The public phase is open to it.";
    found({ account, allocation: own.allocation, proof: tree.proof(allocationLeaf(own)) ?? [] });
  };
  if (listed && listed.account === account) {
    return (
      <Notice tone="good" title={`You are on the list, for ${count(Number(listed.allocation), "licence")} in all.`} />
    );
  }
  return (
    <FileField
      label="The seller's allow-list"
      hint="The published file; it is read here and goes nowhere."
      read={read}
    />
  );
}

/** Licences that may still be bought with a code, by the chain. */
function usePromoLeft(sale: Sale, promo: Promo | null): bigint | undefined {
  const client = usePublicClient();
  const { data: used } = useQuery({
    queryKey: ["promo used", sale.address, promo?.code],
    enabled: !!client && !!promo,
    refetchInterval: 3000,
    queryFn: () => {
      if (!client || !promo) throw new Error("disabled");
      const read = { address: sale.address, abi: nodeSaleAbi, functionName: "promoUsed" } as const;
      return client.readContract({ ...read, args: [promo.code] });
    },
  });
  return promo && used !== undefined ? promo.total - used : undefined;
}

/** A promo code by its text, from the seller's list of hashes. */
export function PromoField({
  sale,
  promo,
  found,
}: {
  sale: Sale;
  promo: Promo | null;
  found: (promo: Promo | null) => void;
}) {
  const [text, setText] = useState("");
  const code = promoHash(text);
  const left = usePromoLeft(sale, promo);
  const { data } = useQuery({
    queryKey: ["promo", sale.address, code],
    enabled: text !== "" && sale.terms.promoRoot !== ZERO_HASH,
    queryFn: () => get<SalePromo>(`${base(sale)}/promos/${code}`),
  });
  useEffect(() => {
    if (!data || promo) return;
    const own = { code, discount: BigInt(data.discount), total: BigInt(data.total), proof: data.proof };
    if (isListed(promoLeaf(own), own.proof, sale.terms.promoRoot)) found(own);
  });
  if (sale.terms.promoRoot === ZERO_HASH) return null;
  const read = (file: string): string | undefined => {
    found(null);
    const rows = readPromoCodes(file);
    const tree = new StandardTree(rows.map(promoLeaf));
    if (tree.root !== sale.terms.promoRoot) return ANOTHER_LIST;
    const own = rows.find((row) => row.code.toLowerCase() === code);
    if (!own) return "The code is not on this list.";
    found({ ...own, proof: tree.proof(promoLeaf(own)) ?? [] });
  };
  return (
    <>
      <label className="field">
        <span>Promo code (optional)</span>
        <input
          value={text}
          autoComplete="off"
          onChange={(event) => {
            setText(event.target.value.trim());
            found(null);
          }}
        />
      </label>
      {promo ? (
        <Notice
          tone="good"
          title={`The code saves ${share(Number(promo.discount))}, for ${integer(promo.total)} licences among all who use it${left === undefined ? "" : `; ${integer(left)} of them are left`}.`}
        />
      ) : (
        text && <FileField label="The seller's promo list" hint="The published file of code hashes." read={read} />
      )}
    </>
  );
}
