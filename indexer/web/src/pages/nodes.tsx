/** The licences of the connected wallet: who runs them, and what they can be returned for. */
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { type Address, getAddress, isAddress } from "viem";
import { useConfig, useConnection, usePublicClient } from "wagmi";
import { simulateContract, writeContract } from "wagmi/actions";
import { useApi } from "../api/hooks";
import type { Network } from "../api/networks";
import type { SaleRecord } from "../api/types";
import { ledgerAbi, nodeLicenseAbi, nodeSaleAbi } from "../chain/abi.gen";
import { useDeployment } from "../chain/config";
import { type Licence, useLicences } from "../chain/licences";
import { type Sale, tierName, useSale, useTokensOf } from "../chain/sale";
import { useTransaction } from "../chain/transaction";
import { count } from "../lib/format";
import { buybackOf } from "../lib/price";
import { useChainTime } from "../parts/clock";
import { Answered, Facts, Notice, Page, Section } from "../parts/layout";
import { SendingNotice } from "../parts/sending";
import { Account, Amount, Link, Status, Time } from "../parts/values";
import { AsOperator, InNetwork } from "./in-network";

export function Nodes() {
  const { address } = useConnection();
  const sales = useDeployment().suite.sales ?? [];
  const tokens = useTokensOf(sales);
  return (
    <Page title="My nodes" lead="Your licences, who runs them, what they earn, and what they can be returned for.">
      {!address && <p className="empty">Connect a wallet to see its licences.</p>}
      {address && sales.length === 0 && <p className="empty">There are no licences on this network yet.</p>}
      {address && sales.map((sale) => <Collection key={`${sale.address} ${address}`} record={sale} owner={address} />)}
      {address && tokens.map((token) => <LedgerBalance key={`${token} ${address}`} owner={address} token={token} />)}
    </Page>
  );
}

function Collection({ record, owner }: { record: SaleRecord; owner: Address }) {
  const sale = useSale(record);
  const licences = useLicences(record, owner);
  return (
    <Answered answer={sale}>
      {(is) => (
        <>
          <Section title={is.name} aside={<Link to={`sale/${record.address}`}>The sale</Link>}>
            <Answered answer={licences}>
              {(owned) =>
                owned.length === 0 ? (
                  <p className="empty">This account has none.</p>
                ) : (
                  <Owned sale={is} owner={owner} licences={owned} />
                )
              }
            </Answered>
          </Section>
          <InCollection sale={is} owner={owner} />
        </>
      )}
    </Answered>
  );
}

function InCollection({ sale, owner }: { sale: Sale; owner: Address }) {
  const [network, now] = [useNetworkOf(sale.license), useChainTime(sale)];
  return network && <AsOperator network={network} owner={owner} now={now} />;
}

/** The network over a collection, if there is one. */
function useNetworkOf(license: Address): Network | undefined {
  const networks = useApi<Network[]>("/v1/networks").data ?? [];
  return networks.find((network) => network.license.toLowerCase() === license.toLowerCase());
}

function Owned({ sale, owner, licences }: { sale: Sale; owner: Address; licences: Licence[] }) {
  return (
    <>
      {sale.outcome === "failed" && <Refund sale={sale} owner={owner} licences={licences} />}
      {sale.outcome === "open" && (
        <Notice tone="info" title="The sale is not over.">
          Should it fail, you get back what you paid, here.
        </Notice>
      )}
      <ul className="licences">
        {licences.map((licence) => (
          <li key={String(licence.id)}>
            <LicenceCard sale={sale} owner={owner} licence={licence} />
          </li>
        ))}
      </ul>
    </>
  );
}

/** The most licences that one transaction returns: its gas stays below a block's. */
const AT_ONCE = 100;

function Refund({ sale, owner, licences }: { sale: Sale; owner: Address; licences: Licence[] }) {
  const config = useConfig();
  const { sending, send } = useTransaction();
  const part = licences.slice(0, AT_ONCE);
  const refund = () =>
    send(async (ask) => {
      const call = { address: sale.address, abi: nodeSaleAbi, functionName: "refund", account: owner } as const;
      const { request } = await simulateContract(config, { ...call, args: [part.map(({ id }) => id)] });
      ask("Confirm: the licences are returned, and what they cost goes to your ledger account.");
      return writeContract(config, request);
    });
  return (
    <>
      <Notice tone="bad" title="This sale failed.">
        <p>You get back what you paid, to the unit. Nobody can prevent it, and there is no hurry.</p>
        <button type="button" className="primary" onClick={() => void refund()}>
          {`Return ${count(part.length, "licence")}`}
        </button>
      </Notice>
      <SendingNotice of={sending} done="What they cost lies in your ledger account, below." />
    </>
  );
}

/** What the sale paid the account: it lies in the ledger until it is withdrawn. */
function LedgerBalance({ owner, token }: { owner: Address; token: Address }) {
  const [client, config] = [usePublicClient(), useConfig()];
  const { ledger } = useDeployment().suite;
  const { sending, send } = useTransaction();
  const balance = useQuery({
    queryKey: ["ledger", ledger, owner, token],
    enabled: !!client,
    refetchInterval: 4000,
    queryFn: () =>
      client?.readContract({
        address: ledger,
        abi: ledgerAbi,
        functionName: "balanceOf",
        args: [owner, BigInt(token)],
      }) ?? 0n,
  });
  const held = balance.data ?? 0n;
  const withdraw = () =>
    send(async (ask) => {
      ask("Confirm: it comes to your wallet.");
      const call = { address: ledger, abi: ledgerAbi, functionName: "withdraw", account: owner } as const;
      return writeContract(config, { ...call, args: [token, owner, held] });
    });
  if (held === 0n && sending.state === "idle") return null;
  return (
    <>
      <p className="ledger">
        In your ledger account:{" "}
        <strong>
          <Amount of={held} token={token} />
        </strong>
        {held > 0n && (
          <button type="button" onClick={() => void withdraw()}>
            Withdraw to wallet
          </button>
        )}
      </p>
      <SendingNotice of={sending} done="It is in your wallet." />
    </>
  );
}

function LicenceCard({ sale, owner, licence }: { sale: Sale; owner: Address; licence: Licence }) {
  const [network, now] = [useNetworkOf(sale.license), useChainTime(sale)];
  const locked = now < sale.transferableAt;
  const returnable = sale.outcome === "succeeded" && licence.buyback && now <= sale.terms.buybackUntil;
  const paid = <Amount of={licence.paid} token={licence.token} />;
  return (
    <article className="card" aria-label={`Licence ${licence.id}`}>
      <h3>
        No. {String(licence.id)} {!network && <Status of={licence.operator ? "delegated" : "not delegated"} />}
      </h3>
      <Facts
        of={[
          ["Tier", tierName(sale, licence.tier)],
          ["Paid", paid],
          ["Bought", <Time at={licence.boughtAt} />],
          [
            "Operator",
            // Where there is a network, it says who runs the licence.
            !network &&
              (licence.operator ? (
                <>
                  <Account of={licence.operator} /> until <Time at={licence.operatorUntil} />
                </>
              ) : (
                "none"
              )),
          ],
          [
            "Transfers",
            locked ? (
              <>
                locked until <Time at={sale.transferableAt} />
              </>
            ) : (
              "open"
            ),
          ],
          [
            "Buyback",
            licence.buyback ? (
              <>
                <Amount of={buybackOf(licence.paid, BigInt(sale.terms.buybackFee))} token={licence.token} /> until{" "}
                <Time at={sale.terms.buybackUntil} />
              </>
            ) : (
              "none"
            ),
          ],
        ]}
      />
      {network ? (
        <InNetwork network={network} owner={owner} licence={licence} now={now} />
      ) : (
        <Delegate sale={sale} owner={owner} licence={licence} now={now} />
      )}
      {returnable && <BuyBack sale={sale} owner={owner} licence={licence} />}
    </article>
  );
}

const DAY = 86_400;

function Delegate({ sale, owner, licence, now }: { sale: Sale; owner: Address; licence: Licence; now: number }) {
  const config = useConfig();
  const { sending, send } = useTransaction();
  const [operator, setOperator] = useState("");
  const [days, setDays] = useState(30);
  const set = (user: Address, expires: number, what: string) =>
    send((ask) => {
      ask(what);
      const call = { address: sale.license, abi: nodeLicenseAbi, functionName: "setUser", account: owner } as const;
      return writeContract(config, { ...call, args: [licence.id, user, BigInt(expires)] });
    });
  const end = () =>
    set("0x0000000000000000000000000000000000000000", 0, "Confirm: nobody else runs this licence any more.");
  const delegate = () =>
    set(getAddress(operator), now + days * DAY, "Confirm: this operator may run the licence, and nothing else.");
  return (
    <details>
      <summary>{licence.operator ? "Change the operator" : "Let somebody run it"}</summary>
      <form className="inline" onSubmit={(event) => event.preventDefault()}>
        <label className="field">
          <span>Operator</span>
          <input
            className="mono"
            placeholder="0x…"
            spellCheck={false}
            autoComplete="off"
            value={operator}
            onChange={(event) => setOperator(event.target.value.trim())}
          />
        </label>
        <label className="field">
          <span>Days</span>
          <input
            type="number"
            min={1}
            max={3650}
            value={days}
            onChange={(event) => setDays(Math.max(1, Math.floor(event.target.valueAsNumber || 1)))}
          />
        </label>
        <button type="submit" className="primary" disabled={!isAddress(operator)} onClick={() => void delegate()}>
          Delegate
        </button>
        {licence.operator && (
          <button type="button" onClick={() => void end()}>
            End it now
          </button>
        )}
      </form>
      <SendingNotice of={sending} done="The operator is set." />
    </details>
  );
}

function BuyBack({ sale, owner, licence }: { sale: Sale; owner: Address; licence: Licence }) {
  const config = useConfig();
  const { sending, send } = useTransaction();
  const amount = buybackOf(licence.paid, BigInt(sale.terms.buybackFee));
  const give = () =>
    send(async (ask) => {
      const call = { address: sale.address, abi: nodeSaleAbi, functionName: "buyBack", account: owner } as const;
      const { request } = await simulateContract(config, { ...call, args: [[licence.id]] });
      ask("Confirm: the licence is returned for good.");
      return writeContract(config, request);
    });
  return (
    <>
      <button type="button" onClick={() => void give()}>
        Give it back for <Amount of={amount} token={licence.token} />
      </button>
      <SendingNotice of={sending} done="What it brought lies in your ledger account." />
    </>
  );
}
