/** What the account has earned by sending others, and its link. */
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import type { Address } from "viem";
import { useConfig, usePublicClient } from "wagmi";
import { simulateContract, writeContract } from "wagmi/actions";
import { nodeSaleAbi } from "../chain/abi.gen";
import type { Sale } from "../chain/sale";
import { isBusy, useTransaction } from "../chain/transaction";
import { share } from "../lib/format";
import { Section } from "../parts/layout";
import { SendingNotice } from "../parts/sending";
import { Amount } from "../parts/values";

export function Referrals({ sale, account }: { sale: Sale; account: Address }) {
  const [copied, setCopied] = useState(false);
  const link = `${window.location.origin}/#/sale/${sale.address}?ref=${account}`;
  if (sale.terms.referralCommission === 0 && sale.terms.referralDiscount === 0) return null;
  const copy = () => navigator.clipboard.writeText(link).then(() => setCopied(true));
  return (
    <Section title="Send others">
      <p>
        Who buys by your link saves {share(sale.terms.referralDiscount)}, and you earn{" "}
        {share(sale.terms.referralCommission)} of what they pay, once the sale has succeeded.
      </p>
      <p className="copy">
        <input readOnly aria-label="Your referral link" value={link} onFocus={(event) => event.target.select()} />
        <button type="button" onClick={() => void copy()}>
          {copied ? "Copied" : "Copy"}
        </button>
      </p>
      {sale.tokens.map((token) => (
        <Commission key={token} sale={sale} account={account} token={token} />
      ))}
    </Section>
  );
}

function Commission({ sale, account, token }: { sale: Sale; account: Address; token: Address }) {
  const [client, config, queries] = [usePublicClient(), useConfig(), useQueryClient()];
  const { sending, send } = useTransaction();
  const sales = { address: sale.address, abi: nodeSaleAbi };
  const earned = useQuery({
    queryKey: ["commission", sale.address, account, token],
    enabled: !!client,
    refetchInterval: 5000,
    queryFn: () => client?.readContract({ ...sales, functionName: "commissionOf", args: [account, token] }) ?? 0n,
  });
  const claim = async () => {
    await send(async (ask) => {
      const call = { ...sales, account, functionName: "claimCommission", args: [account, token] } as const;
      const { request } = await simulateContract(config, call);
      ask("Confirm: your commission goes to your ledger account.");
      return writeContract(config, request);
    });
    await queries.invalidateQueries();
  };
  return (
    <>
      {!!earned.data && (
        <p>
          Earned:{" "}
          <strong>
            <Amount of={earned.data} token={token} />
          </strong>{" "}
          {sale.outcome === "succeeded" && (
            <button type="button" disabled={isBusy(sending)} onClick={() => void claim()}>
              Take it
            </button>
          )}
          {sale.outcome === "open" && <span className="dim">yours when the sale succeeds</span>}
          {sale.outcome === "failed" && <span className="dim">void: the sale failed and everyone is refunded</span>}
        </p>
      )}
      <SendingNotice of={sending} done="It lies in your ledger account; My nodes shows it." />
    </>
  );
}
