/** Orders, batches, disputes, models and accounts, one at a time. */
import { useApi } from "../api/hooks";
import type {
  Account as AccountView,
  Batch,
  ChainEvent,
  Dispute,
  Draw,
  Model,
  Order,
  Provision,
  Task,
} from "../api/types";
import { integer, share, short } from "../lib/format";
import { batchColumns, disputeColumns, EVENTS, MOVES, ORDERS, TASKS, testimonyColumns } from "../parts/columns";
import { Answered, Facts, Page, Section } from "../parts/layout";
import { type Column, List, Table } from "../parts/table";
import { Account, Amount, Hash, Id, Link, Progress, Status, Time, TokenName } from "../parts/values";
import { useStakeToken } from "./lists";

const named = (what: string, id: string) => ({
  title: `${what} ${short(id)}`,
  name: (
    <>
      {what} <Hash of={id} whole />
    </>
  ),
});

export function OrderPage({ id }: { id: string }) {
  const order = useApi<Order>(`/v1/orders/${id}`);
  return (
    <Page {...named("Order", id)}>
      <Answered answer={order}>
        {(o) => {
          const amount = (value: string) => <Amount of={value} token={o.token} />;
          return (
            <Facts
              of={[
                [
                  "Status",
                  <>
                    <Status of={o.status} /> {o.closed_by}
                  </>,
                ],
                ["Tasks", <Progress done={o.settled + o.forfeited} all={o.count} label="Tasks that are over" />],
                ["Customer", <Account of={o.customer} />],
                ["Model", <Id kind="models" id={o.model_id} />],
                ["Token", <TokenName of={o.token} />],
                ["Escrowed", amount(o.escrowed)],
                [
                  "Unit price",
                  <>
                    {amount(o.unit_price)}, at most {integer(o.unit_cap)} units a task
                  </>,
                ],
                ["Paid", amount(o.paid)],
                [
                  "Fees",
                  <>
                    {amount(o.fees)} ({share(o.terms.fee_rate)})
                  </>,
                ],
                ["Royalties", amount(o.royalties)],
                ["Refunded", amount(o.refunded)],
                ["Deadline", <Time at={o.deadline} />],
                ["Inputs root", <Hash of={o.inputs_root} whole />],
                [
                  "Opened",
                  <>
                    <Time at={o.opened_at} /> in <Hash of={o.transaction_hash} />
                  </>,
                ],
              ]}
            />
          );
        }}
      </Answered>
      <Section title="Batches">
        <List<Batch>
          path={`/v1/orders/${id}/batches`}
          caption="Batches of the order"
          columns={batchColumns(order.data?.token)}
          keyOf={(b) => b.batch_id}
        />
      </Section>
      <Section title="Tasks">
        <List<Task>
          path={`/v1/orders/${id}/tasks`}
          caption="Tasks of the order"
          columns={TASKS}
          keyOf={(t) => `${t.index}`}
        />
      </Section>
      <Section title="History">
        <List<ChainEvent>
          path={`/v1/orders/${id}/history`}
          caption="Events of the order"
          columns={EVENTS}
          keyOf={(e) => e.id}
        />
      </Section>
    </Page>
  );
}

export function BatchPage({ id }: { id: string }) {
  const batch = useApi<Batch>(`/v1/batches/${id}`);
  const order = useApi<Order>(`/v1/orders/${batch.data?.order_id ?? id}`);
  const [token, stake] = [order.data?.token, useStakeToken()];
  return (
    <Page {...named("Batch", id)}>
      <Answered answer={batch}>
        {(b) => {
          const amount = (value: string) => <Amount of={value} token={token} />;
          return (
            <>
              <Facts
                of={[
                  [
                    "Status",
                    <>
                      <Status of={b.status} /> {b.fault?.replaceAll("_", " ")}
                    </>,
                  ],
                  ["Order", <Id kind="orders" id={b.order_id} />],
                  ["Provider", <Account of={b.provider} />],
                  ["Tasks", `${b.first} – ${b.first + b.count - 1}, ${integer(b.units)} units`],
                  ["Root", <Hash of={b.root} whole />],
                  ["Stake", <Amount of={b.stake} token={stake} />],
                  ["Paid", amount(b.paid)],
                  ["Fee", amount(b.fee)],
                  ["Royalties", amount(b.royalties)],
                  ["Refund", amount(b.refund)],
                  [
                    "Slashed",
                    b.slashed !== "0" && (
                      <>
                        <Amount of={b.slashed} token={stake} />, of which <Amount of={b.burned} token={stake} /> burned
                      </>
                    ),
                  ],
                  [
                    "Committed",
                    <>
                      <Time at={b.committed_at} /> in <Hash of={b.commit_transaction} />
                    </>,
                  ],
                  [
                    "Closed",
                    b.closed_at && (
                      <>
                        <Time at={b.closed_at} />
                        {b.close_transaction && (
                          <>
                            {" "}
                            in <Hash of={b.close_transaction} />
                          </>
                        )}
                        {b.accepted && " by the customer's receipt"}
                      </>
                    ),
                  ],
                ]}
              />
              {b.draw && <DrawSection draw={b.draw} batch={b} token={token} stake={stake} />}
            </>
          );
        }}
      </Answered>
      <Section title="Tasks">
        <List<Task>
          path={`/v1/batches/${id}/tasks`}
          caption="Tasks of the batch"
          columns={TASKS}
          keyOf={(t) => `${t.index}`}
        />
      </Section>
    </Page>
  );
}

type MaybeToken = `0x${string}` | undefined;

/** How far a draw is, what was drawn, and what was said about it. */
function DrawSection({
  draw: d,
  batch,
  token,
  stake,
}: {
  draw: Draw;
  batch: Batch;
  token: MaybeToken;
  stake: MaybeToken;
}) {
  return (
    <>
      <Section title="Draw">
        <Facts
          of={[
            [
              "Status",
              <>
                <Status of={d.status} /> {d.certain && "drawn with certainty, for its first round was lost"}
              </>,
            ],
            ["Round", integer(d.round)],
            [
              "Tasks drawn",
              d.drawn.length > 0 && (
                <span className="list">
                  {d.drawn.map(({ index }) => (
                    <Link key={index} to={`batches/${batch.batch_id}/${index}`}>
                      Task {index}
                    </Link>
                  ))}
                </span>
              ),
            ],
            ["Phase ends", d.phase_end && <Time at={d.phase_end} />],
            ["Paid", <Amount of={d.paid} token={token} />],
            ["Refund", <Amount of={d.refund} token={token} />],
            ["Drawn in", d.draw_transaction && <Hash of={d.draw_transaction} />],
            ["Concluded in", d.conclude_transaction && <Hash of={d.conclude_transaction} />],
            [
              "Pot",
              d.pot && (
                <>
                  <Amount of={d.pot.amount} token={stake} /> to <Account of={d.pot.winner} />{" "}
                  {d.pot.claim_transaction ? (
                    "claimed"
                  ) : (
                    <>
                      from <Time at={d.pot.claimable_at} />
                    </>
                  )}
                </>
              ),
            ],
          ]}
        />
        {d.testimonies.length > 0 && (
          <Table
            caption="What validators and provider said"
            columns={testimonyColumns(stake)}
            items={d.testimonies}
            keyOf={(t) => `${t.task_index} ${t.party}`}
          />
        )}
      </Section>
      <Section title="Disputes">
        <List<Dispute>
          path={`/v1/disputes?batch=${batch.batch_id}`}
          caption="Disputes over the batch"
          columns={disputeColumns(stake)}
          keyOf={(x) => x.dispute_id}
        />
      </Section>
    </>
  );
}

export function DisputePage({ id }: { id: string }) {
  const stake = useStakeToken();
  return (
    <Page {...named("Dispute", id)}>
      <Answered answer={useApi<Dispute>(`/v1/disputes/${id}`)}>
        {(d) => (
          <>
            <Facts
              of={[
                [
                  "Status",
                  <>
                    <Status of={d.status} /> {d.proven && "by the referee"}
                  </>,
                ],
                ["Batch", d.batch_id ? <Id kind="batches" id={d.batch_id} /> : "hidden until it is opened"],
                ["Task", d.batch_id && <Link to={`batches/${d.batch_id}/${d.task_index}`}>Task {d.task_index}</Link>],
                ["Challenger", <Account of={d.challenger} />],
                ["Provider", d.provider && <Account of={d.provider} />],
                ["Operator", d.operator],
                ["Row", d.row],
                [
                  "Bond",
                  <>
                    <Amount of={d.bond} token={stake} />
                    {d.bond_to && (
                      <>
                        {" "}
                        to <Account of={d.bond_to} />
                      </>
                    )}
                  </>,
                ],
              ]}
            />
            <Section title="Moves">
              <Table caption="Moves" columns={MOVES} items={d.history ?? []} keyOf={(m) => `${m.number}`} />
            </Section>
          </>
        )}
      </Answered>
    </Page>
  );
}

export function ModelPage({ id }: { id: string }) {
  return (
    <Page {...named("Model", id)}>
      <Answered answer={useApi<Model>(`/v1/models/${id}`)}>
        {(m) => (
          <Facts
            of={[
              ["Owner", <Account of={m.owner} />],
              ["Described at", m.metadata_uri],
              ["Program root", <Hash of={m.program_root} whole />],
              ["Weights root", <Hash of={m.weights_root} whole />],
              [
                "Royalties",
                m.royalties.length === 0 ? (
                  "none"
                ) : (
                  <span className="list">
                    {m.royalties.map((r) => (
                      <span key={r.account}>
                        <Account of={r.account} /> {share(r.share)}
                      </span>
                    ))}
                  </span>
                ),
              ],
              [
                "Price floors",
                <span className="list">
                  {(m.price_floors ?? [])
                    .filter((f) => f.accepted)
                    .map((f) => (
                      <span key={f.token}>
                        <Amount of={f.unit_price} token={f.token} /> a unit
                      </span>
                    ))}
                </span>,
              ],
              ["Registered", <Time at={m.registered_at} />],
            ]}
          />
        )}
      </Answered>
      <Section title="Orders">
        <List<Order>
          path={`/v1/orders?model=${id}`}
          caption="Orders for the model"
          columns={ORDERS}
          keyOf={(o) => o.order_id}
        />
      </Section>
    </Page>
  );
}

const BALANCES: Column<AccountView["balances"][number]>[] = [
  { title: "Token", show: (b) => <TokenName of={b.token} /> },
  { title: "Balance", show: (b) => <Amount of={b.amount} token={b.token} />, number: true },
];

const provisionColumns = (token: MaybeToken): Column<Provision>[] => [
  { title: "Service", show: (p) => <Account of={p.service} /> },
  { title: "Stake", show: (p) => <Amount of={p.stake} token={token} />, number: true },
  { title: "Locked", show: (p) => <Amount of={p.locked} token={token} />, number: true },
  { title: "Thawing", show: (p) => <Amount of={p.thawing} token={token} />, number: true },
  { title: "Slashed", show: (p) => <Amount of={p.slashed} token={token} />, number: true },
];

export function AccountPage({ id }: { id: string }) {
  const stake = useStakeToken();
  return (
    <Page {...named("Account", id)}>
      <Answered answer={useApi<AccountView>(`/v1/accounts/${id}`)}>
        {(a) => (
          <div className="columns">
            <Section title="Ledger">
              <Table
                caption="Ledger balances"
                columns={BALANCES}
                items={a.balances}
                keyOf={(b) => b.token}
                empty="Nothing."
              />
            </Section>
            <Section title="Stake">
              <Table
                caption="Stake"
                columns={provisionColumns(stake)}
                items={a.provisions}
                keyOf={(p) => p.service}
                empty="Nothing."
              />
            </Section>
          </div>
        )}
      </Answered>
      <Section title="Orders">
        <List<Order>
          path={`/v1/orders?customer=${id}`}
          caption="Orders of the account"
          columns={ORDERS}
          keyOf={(o) => o.order_id}
        />
      </Section>
      <Section title="Batches">
        <List<Batch>
          path={`/v1/batches?provider=${id}`}
          caption="Batches of the account"
          columns={batchColumns(undefined)}
          keyOf={(b) => b.batch_id}
        />
      </Section>
      <Section title="Disputes">
        <List<Dispute>
          path={`/v1/disputes?account=${id}`}
          caption="Disputes of the account"
          columns={disputeColumns(stake)}
          keyOf={(d) => d.dispute_id}
        />
      </Section>
      <Section title="History">
        <List<ChainEvent>
          path={`/v1/accounts/${id}/history`}
          caption="Events of the account"
          columns={EVENTS}
          keyOf={(e) => e.id}
        />
      </Section>
    </Page>
  );
}
