/** Who runs licences for others, and the providers that they examine. */
import { useApi } from "../api/hooks";
import type { Network, Operator, Seat } from "../api/networks";
import { count, duration, integer, share } from "../lib/format";
import { Answered, Facts, Page, Section } from "../parts/layout";
import { type Column, List } from "../parts/table";
import { Account, Amount, Time } from "../parts/values";

export function Operators() {
  const networks = useApi<Network[]>("/v1/networks");
  return (
    <Page
      title="Operators"
      lead="Who runs licences for others, what they keep, and how well they attest. Uptime is of the last epoch that is final."
    >
      <Answered answer={networks}>
        {(all) =>
          all.length === 0 ? (
            <p className="empty">There is no node network on this deployment.</p>
          ) : (
            all.map((network) => <Directory key={network.network} of={network} />)
          )
        }
      </Answered>
    </Page>
  );
}

function Directory({ of: network }: { of: Network }) {
  const { terms } = network;
  return (
    <>
      <Section title={`Epoch ${integer(network.epoch)}`}>
        <Facts
          of={[
            [
              network.begun ? "Ends" : "Begins",
              <Time key="t" at={network.begun ? network.epoch_ends : network.epoch_begins} />,
            ],
            ["An epoch", `${duration(terms.epoch_length)}, ${count(terms.rounds, "round")}`],
            ["Licences run", `${integer(network.delegated)} of ${integer(network.licenses)}`],
            ["Rest after a delegation", count(terms.thaw_epochs, "epoch")],
            ["A strike", `for ${count(terms.wrong_limit, "wrong answer")} in an epoch`],
          ]}
        />
      </Section>
      <Section title="Operators">
        <List
          path={`/v1/networks/${network.network}/operators`}
          caption="Operators"
          columns={OPERATORS}
          keyOf={(o) => String(o.number)}
          empty="Nobody has registered yet."
        />
      </Section>
      <Section title="Seats">
        <p className="dim">
          Providers that are examined. Each locks <Amount of={terms.seat_stake} token={terms.stake_token} />, and loses
          a part of it for {count(terms.offline_limit, "round")} offline in an epoch.
        </p>
        <List
          path={`/v1/networks/${network.network}/seats`}
          caption="Seats"
          columns={SEATS}
          keyOf={(s) => String(s.seat)}
          empty="Nobody sits yet."
        />
      </Section>
    </>
  );
}

/** `98.5 %` of what was assigned was right. */
export const uptimeOf = ({ last_final: epoch }: Operator): string =>
  epoch && epoch.assigned > 0 ? share(Math.floor((epoch.right * 10_000) / epoch.assigned)) : "–";

const OPERATORS: Column<Operator>[] = [
  { title: "Operator", show: (o) => <>No. {o.number}</> },
  { title: "Account", show: (o) => <Account of={o.account} /> },
  { title: "Keeps", show: (o) => share(o.rate), number: true },
  { title: "Licences", show: (o) => `${integer(o.delegated_next)} of ${integer(o.cap)}`, number: true },
  { title: "Uptime", show: uptimeOf, number: true },
  {
    title: "Wrong",
    show: (o) => (o.last_final ? integer(o.last_final.wrong) : "–"),
    number: true,
  },
  {
    title: "Strikes",
    show: (o) => (o.strikes.length === 0 ? "none" : o.strikes.map((s) => `epoch ${s.epoch}`).join(", ")),
  },
  {
    title: "Banned",
    show: (o) =>
      o.banned_until === null ? (
        o.bans.length === 0 ? (
          "never"
        ) : (
          count(o.bans.length, "time")
        )
      ) : (
        <span className="status bad">until epoch {o.banned_until}</span>
      ),
  },
];

const SEATS: Column<Seat>[] = [
  { title: "Seat", show: (s) => s.seat, number: true },
  {
    title: "Provider",
    show: (s) => ((s.now ?? s.next) ? <Account of={(s.now ?? s.next)?.provider ?? ""} /> : "empty"),
  },
  { title: "Endpoint", show: (s) => <span className="mono wrap">{(s.now ?? s.next)?.endpoint ?? "–"}</span> },
  {
    title: "Last epochs",
    show: (s) =>
      s.uptime.length === 0
        ? "–"
        : s.uptime
            .slice(0, 5)
            .map((e) =>
              e.occupied ? `${e.epoch}: ${e.up} up, ${e.slow} slow, ${e.offline} offline` : `${e.epoch}: empty`,
            )
            .join("; "),
  },
];
