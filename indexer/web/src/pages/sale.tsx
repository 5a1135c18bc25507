/** A sale of licences: how it stands, what it promises, and buying. */
import { useState } from "react";
import { useConnection } from "wagmi";
import { useDeployment } from "../chain/config";
import { type Phase, phaseOf, type Sale, soldOf, supplyOf, tierName, useSale } from "../chain/sale";
import { useToken } from "../chain/token";
import { count, duration, integer, share } from "../lib/format";
import { firstOpen } from "../lib/price";
import { useChainTime } from "../parts/clock";
import { Curve } from "../parts/curve";
import { Answered, Facts, Notice, Page, Section, Tile, Tiles } from "../parts/layout";
import { type Column, Table } from "../parts/table";
import { Account, Amount, Id, Link, Time, TokenName } from "../parts/values";
import { Buy } from "./buy";
import { Referrals } from "./referrals";

/** The sale at an address, of those that this deployment lists: a link alone makes no sale trustworthy. */
export function SalePage({ id, referrer }: { id: string | undefined; referrer: string | null }) {
  const sales = useDeployment().suite.sales ?? [];
  const record = id ? sales.find(({ address }) => address.toLowerCase() === id.toLowerCase()) : sales.at(-1);
  const sale = useSale(record);
  if (!record) {
    return (
      <Page title="Licences">
        {id ? (
          <Notice tone="bad" title="This page does not know a sale at that address.">
            It may be a forgery. Buy only from sales that are listed here.
          </Notice>
        ) : (
          <p className="empty">No licences are for sale here.</p>
        )}
      </Page>
    );
  }
  return (
    <Page
      title="Licences"
      name={sale.data?.name ?? "Licences"}
      lead="A licence runs a node. What is paid lies in the ledger until the sale is over; the seller cannot change anything."
    >
      {!id && sales.length > 1 && (
        <nav aria-label="Sales" className="list">
          {sales.map(({ address }) => (
            <Id key={address} kind="sale" id={address} />
          ))}
        </nav>
      )}
      <Answered answer={sale}>{(is) => <Opened sale={is} referrer={referrer} />}</Answered>
    </Page>
  );
}

function Opened({ sale, referrer }: { sale: Sale; referrer: string | null }) {
  const [place, setPlace] = useState(0);
  const { address } = useConnection();
  const now = useChainTime(sale);
  const phase = phaseOf(sale, now);
  const token = useToken(sale.tokens[place]);
  return (
    <>
      <Standing sale={sale} phase={phase} now={now} />
      <div className="columns wide">
        <Section title="Price" aside={<TokenChoice sale={sale} place={place} choose={setPlace} />}>
          <Curve sale={sale} place={place} token={token} />
          <Tiers sale={sale} place={place} />
        </Section>
        <Section title="Buy">
          <Buy key={sale.address} sale={sale} phase={phase} place={place} referrer={referrer} />
        </Section>
      </div>
      {address && <Referrals sale={sale} account={address} />}
      <Promises sale={sale} />
    </>
  );
}

const HEADLINES: Record<Phase, string> = {
  before: "Not open yet",
  "allow-list": "Open to the allow-list",
  public: "Open to everybody",
  over: "Over",
};

function Standing({ sale, phase, now }: { sale: Sale; phase: Phase; now: number }) {
  const { terms } = sale;
  const next: Record<Phase, [string, number] | null> = {
    before: ["opens in", (terms.allowlistAt < terms.publicAt ? terms.allowlistAt : terms.publicAt) - now],
    "allow-list": ["open to everybody in", terms.publicAt - now],
    public: ["ends in", terms.endsAt - now],
    over: null,
  };
  const [sold, all] = [soldOf(sale), supplyOf(sale)];
  const then = next[phase];
  return (
    <>
      <Tiles>
        <Tile label="phase">{HEADLINES[phase]}</Tile>
        {then && <Tile label={then[0]}>{duration(then[1])}</Tile>}
        <Tile label={`of ${integer(all)} sold`}>{integer(sold)}</Tile>
        <Tile label="left">{integer(all - sold)}</Tile>
        <Tile label="needed to succeed">{integer(terms.softCap)}</Tile>
      </Tiles>
      {phase === "over" && <Ending sale={sale} />}
    </>
  );
}

function Ending({ sale }: { sale: Sale }) {
  if (sale.outcome === "failed") {
    return (
      <Notice tone="bad" title="The sale failed: fewer were sold than it needed.">
        Everyone gets back what they paid, to the unit. <Link to="nodes">Get yours back</Link>
      </Notice>
    );
  }
  return (
    <Notice
      tone="good"
      title={soldOf(sale) === supplyOf(sale) ? "Sold out. The sale succeeded." : "The sale succeeded."}
    >
      <Link to="nodes">Your licences</Link>
    </Notice>
  );
}

function TokenChoice({ sale, place, choose }: { sale: Sale; place: number; choose: (place: number) => void }) {
  if (sale.tokens.length < 2) return null;
  return (
    <fieldset className="choice">
      <legend className="hidden">Pay in</legend>
      {sale.tokens.map((address, i) => (
        <label key={address}>
          <input type="radio" name="token" checked={i === place} onChange={() => choose(i)} />
          <TokenSymbol of={address} />
        </label>
      ))}
    </fieldset>
  );
}

function TokenSymbol({ of }: { of: `0x${string}` }) {
  const token = useToken(of);
  return <>{token?.symbol ?? <TokenName of={of} />}</>;
}

type Tier = Sale["tiers"][number] & { number: number };

function Tiers({ sale, place }: { sale: Sale; place: number }) {
  const now = sale.terms.sequential ? firstOpen(sale.tiers.map((tier) => ({ ...tier, price: 0n }))) : -1;
  const state = (tier: Tier) => {
    if (tier.sold === tier.supply) return "sold out";
    return sale.terms.sequential && tier.number - 1 !== now ? "later" : `${integer(tier.supply - tier.sold)} left`;
  };
  const columns: Column<Tier>[] = [
    { title: "Tier", show: (tier) => tierName(sale, tier.number - 1) },
    {
      title: "Price",
      show: (tier) =>
        tier.prices[place] ? <Amount of={tier.prices[place]} token={sale.tokens[place]} /> : "not for this token",
      number: true,
    },
    { title: "Licences", show: (tier) => integer(tier.supply), number: true },
    { title: "State", show: state, number: true },
    { title: "For one buyer", show: (tier) => (tier.cap ? `at most ${integer(tier.cap)}` : "no limit"), number: true },
  ];
  return (
    <Table
      caption="Tiers"
      columns={columns}
      items={sale.tiers.map((tier, i) => ({ ...tier, number: i + 1 }))}
      keyOf={(tier) => `${tier.number}`}
    />
  );
}

/** What the chain holds the seller to. */
function Promises({ sale }: { sale: Sale }) {
  const { terms } = sale;
  return (
    <Section title="What the seller cannot change">
      <Facts
        of={[
          [
            "Allow-list",
            terms.allowlistAt < terms.publicAt ? (
              <>
                from <Time at={terms.allowlistAt} />
              </>
            ) : (
              "none"
            ),
          ],
          [
            "Everybody",
            <>
              from <Time at={terms.publicAt} />
            </>,
          ],
          ["Ends", <Time at={terms.endsAt} />],
          ["Order", terms.sequential ? "tier after tier, each when the one before is sold out" : "all tiers at once"],
          ["Refund", `of everything, if fewer than ${count(terms.softCap, "licence")} are sold`],
          [
            "Buyback",
            terms.buybackUntil ? (
              <>
                for what was paid less {share(terms.buybackFee)}, until <Time at={terms.buybackUntil} />
              </>
            ) : (
              "none"
            ),
          ],
          [
            "Referral",
            `${share(terms.referralDiscount)} off for you, ${share(terms.referralCommission)} of what you pay for who sent you`,
          ],
          [
            "Transfers",
            <>
              locked until <Time at={sale.transferableAt} />
            </>,
          ],
          [
            "Seller is paid",
            <>
              {share(terms.releasedAtOnce)} at the end, the rest over {duration(terms.releasePeriod)}
            </>,
          ],
          ["Seller", <Account of={terms.seller} />],
          [
            "Contracts",
            <span className="list">
              <Account of={sale.address} /> <Account of={sale.license} />
            </span>,
          ],
        ]}
      />
    </Section>
  );
}
