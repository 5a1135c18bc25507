/** The network at a glance. */
import { useQueries } from "@tanstack/react-query";
import { get } from "../api/client";
import { useApi } from "../api/hooks";
import type { Network as NodeNetwork } from "../api/networks";
import type { Page as ApiPage, Batch, Order, Provider, Stats, TokenTotals, Validator } from "../api/types";
import { integer } from "../lib/format";
import { Bars, byTime, type Share, Shares } from "../parts/charts";
import { batchColumns, ORDERS } from "../parts/columns";
import { Answered, Page, Section, Tile, Tiles } from "../parts/layout";
import { Pipeline } from "../parts/pipeline";
import { Table } from "../parts/table";
import { Account, Amount, Link, TokenName } from "../parts/values";
import { useStakeToken } from "./lists";

const BARS = 40;
const SHOWN = 8;

export function Network() {
  const stats = useApi<Stats>("/v1/stats");
  const orders = useApi<ApiPage<Order>>(`/v1/orders?limit=${SHOWN}`);
  const batches = useApi<ApiPage<Batch>>("/v1/batches?limit=200");
  return (
    <Page
      title="Network"
      lead="AI work that is paid when it is right: every order, every check and every dispute, from the chain."
    >
      <Answered answer={stats}>
        {(is) => (
          <>
            <Pipeline stats={is} />
            <Tiles>
              <Tile label="tasks settled">{integer(is.tasks_settled)}</Tile>
              <Tile label="models">{integer(is.models)}</Tile>
              <Tile label="providers">{integer(is.providers)}</Tile>
              <Tile label="ledger accounts">{integer(is.accounts)}</Tile>
              <Tile label="events">{integer(is.events)}</Tile>
            </Tiles>
            {is.tokens.map((totals) => (
              <Money key={totals.token} of={totals} />
            ))}
          </>
        )}
      </Answered>
      <div className="columns">
        <Section title="Tasks committed">
          <Answered answer={batches}>
            {({ items }) =>
              items.length === 0 ? (
                <p className="empty">None yet.</p>
              ) : (
                <Bars
                  title="Tasks committed, in the last batches"
                  unit="tasks"
                  bars={byTime(
                    items.map((b) => ({ at: b.committed_at, value: b.count })),
                    BARS,
                  )}
                />
              )
            }
          </Answered>
        </Section>
        <Section title="Stakes">
          <Stakes />
        </Section>
      </div>
      <NodeNetworks />
      <Section title="Latest orders" aside={<Link to="orders">All orders</Link>}>
        <Answered answer={orders}>
          {({ items }) => <Table caption="Latest orders" columns={ORDERS} items={items} keyOf={(o) => o.order_id} />}
        </Answered>
      </Section>
      <Section title="Latest batches" aside={<Link to="batches">All batches</Link>}>
        <Answered answer={batches}>
          {({ items }) => (
            <Table
              caption="Latest batches"
              columns={batchColumns(undefined)}
              items={items.slice(0, SHOWN)}
              keyOf={(b) => b.batch_id}
            />
          )}
        </Answered>
      </Section>
    </Page>
  );
}

/** Who runs licences, and the seats that they examine; nothing where there is no such network. */
function NodeNetworks() {
  const { data: networks } = useApi<NodeNetwork[]>("/v1/networks");
  return networks?.map((network) => (
    <Section key={network.network} title="Nodes" aside={<Link to="operators">Operators and seats</Link>}>
      <Tiles>
        <Tile label="epoch">{integer(network.epoch)}</Tile>
        <Tile label={`of ${integer(network.licenses)} licences run`}>{integer(network.delegated)}</Tile>
        <Tile label="operators">{integer(network.operators)}</Tile>
        <Tile label="seats examined">{integer(network.seats)}</Tile>
      </Tiles>
    </Section>
  ));
}

function Money({ of: totals }: { of: TokenTotals }) {
  const amount = (value: string) => <Amount of={value} token={totals.token} />;
  return (
    <section>
      <h2>
        In <TokenName of={totals.token} />
      </h2>
      <Tiles>
        <Tile label="in the ledger">{amount(totals.supply)}</Tile>
        <Tile label="escrowed in all">{amount(totals.escrowed)}</Tile>
        <Tile label="paid to providers">{amount(totals.paid)}</Tile>
        <Tile label="fees">{amount(totals.fees)}</Tile>
        <Tile label="refunded">{amount(totals.refunded)}</Tile>
      </Tiles>
    </section>
  );
}

/** What providers and validators have at stake: who answers for the work, with how much. */
function Stakes() {
  const token = useStakeToken();
  const providers = useApi<ApiPage<Provider>>(`/v1/providers?limit=${SHOWN}`);
  const validators = useApi<ApiPage<Validator>>(`/v1/validators?limit=${SHOWN}`);
  const each = useQueries({
    queries: (providers.data?.items ?? []).map(({ provider }) => ({
      queryKey: ["api", `/v1/providers/${provider}`],
      queryFn: () => get<Provider>(`/v1/providers/${provider}`),
    })),
  });
  const sum = (amounts: string[]) => amounts.reduce((total, amount) => total + BigInt(amount), 0n);
  const staked = [
    ...each.flatMap(({ data }) =>
      data
        ? [{ role: "provider", address: data.provider, value: sum((data.provisions ?? []).map((p) => p.stake)) }]
        : [],
    ),
    ...(validators.data?.items ?? []).map((v) => ({ role: "validator", address: v.validator, value: BigInt(v.stake) })),
  ];
  const shares = staked.map(
    ({ role, address, value }): Share => ({
      key: `${role} ${address}`,
      label: (
        <>
          <Account of={address} /> <span className="dim">{role}</span>
        </>
      ),
      value,
      shown: <Amount of={value} token={token} />,
    }),
  );
  return shares.length === 0 ? <p className="empty">Nobody has worked here yet.</p> : <Shares of={shares} />;
}
