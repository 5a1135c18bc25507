/** The columns of everything that is listed. */
import type { Batch, ChainEvent, Dispute, Model, Order, Provider, Task, Testimony, Validator } from "../api/types";
import { integer, words, ZERO_ADDRESS } from "../lib/format";
import type { Column } from "./table";
import { Account, Ago, Amount, Hash, Id, Link, Progress, Status, Time } from "./values";

export const ORDERS: Column<Order>[] = [
  { title: "Order", show: (o) => <Id kind="orders" id={o.order_id} /> },
  { title: "Status", show: (o) => <Status of={o.status} /> },
  {
    title: "Tasks",
    show: (o) => <Progress done={o.settled + o.forfeited} all={o.count} label="Tasks that are over" />,
  },
  { title: "Escrowed", show: (o) => <Amount of={o.escrowed} token={o.token} />, number: true },
  { title: "Customer", show: (o) => <Account of={o.customer} /> },
  { title: "Opened", show: (o) => <Ago at={o.opened_at} /> },
];

/** A batch does not name its token, so its amounts need the order's. */
export const batchColumns = (token: `0x${string}` | undefined): Column<Batch>[] => [
  { title: "Batch", show: (b) => <Id kind="batches" id={b.batch_id} /> },
  { title: "Status", show: (b) => <Status of={b.status} /> },
  { title: "Tasks", show: (b) => (b.count === 1 ? b.first : `${b.first} – ${b.first + b.count - 1}`), number: true },
  { title: "Units", show: (b) => integer(b.units), number: true },
  { title: "Paid", show: (b) => <Amount of={b.paid} token={token} />, number: true },
  { title: "Provider", show: (b) => <Account of={b.provider} /> },
  { title: "Committed", show: (b) => <Ago at={b.committed_at} /> },
];

const hashes = (number: number) => `${number} hash${number === 1 ? "" : "es"}`;

export const TASKS: Column<Task>[] = [
  { title: "Task", show: (t) => <Link to={`batches/${t.batch_id}/${t.index}`}>Task {t.index}</Link> },
  { title: "Units", show: (t) => integer(t.units), number: true },
  { title: "Input", show: (t) => <Hash of={t.input_hash} /> },
  { title: "Output", show: (t) => <Hash of={t.output_hash} /> },
  { title: "Leaf", show: (t) => <Hash of={t.proof.leaf} /> },
  { title: "Proof", show: (t) => hashes(t.proof.siblings.length), number: true },
];

export const disputeColumns = (token: `0x${string}` | undefined): Column<Dispute>[] => [
  { title: "Dispute", show: (d) => <Id kind="disputes" id={d.dispute_id} /> },
  { title: "Status", show: (d) => <Status of={d.status} /> },
  {
    title: "Task",
    show: (d) =>
      d.batch_id ? <Link to={`batches/${d.batch_id}/${d.task_index}`}>Task {d.task_index}</Link> : "hidden",
  },
  { title: "Moves", show: (d) => d.moves, number: true },
  { title: "Bond", show: (d) => <Amount of={d.bond} token={token} />, number: true },
  { title: "Challenger", show: (d) => <Account of={d.challenger} /> },
  { title: "Last move", show: (d) => <Ago at={d.moved_at} /> },
];

export const MOVES: Column<NonNullable<Dispute["history"]>[number]>[] = [
  { title: "Move", show: (m) => words(m.name) },
  { title: "Time", show: (m) => <Time at={m.moved_at} /> },
  { title: "Block", show: (m) => integer(m.position.split("-")[0] ?? ""), number: true },
  { title: "Transaction", show: (m) => <Hash of={m.transaction_hash} /> },
];

export const testimonyColumns = (token: `0x${string}` | undefined): Column<Testimony>[] => [
  { title: "Task", show: (t) => t.task_index, number: true },
  { title: "Party", show: (t) => <Account of={t.party} /> },
  { title: "Sealed", show: (t) => (t.seal ? <Hash of={t.seal} /> : "–") },
  {
    title: "Trace root",
    show: (t) =>
      t.trace_root ? (
        <>
          <Hash of={t.trace_root} /> {t.dissented && <Status of="disputed" />}
        </>
      ) : (
        "–"
      ),
  },
  { title: "Slashed", show: (t) => t.slashed !== null && <Amount of={t.slashed} token={token} />, number: true },
];

export const validatorColumns = (token: `0x${string}` | undefined): Column<Validator>[] => [
  { title: "Validator", show: (v) => <Account of={v.validator} /> },
  { title: "Seat", show: (v) => v.number || "left", number: true },
  { title: "Stake", show: (v) => <Amount of={v.stake} token={token} />, number: true },
  { title: "Slashed", show: (v) => <Amount of={v.slashed} token={token} />, number: true },
];

export const MODELS: Column<Model>[] = [
  { title: "Model", show: (m) => <Id kind="models" id={m.model_id} /> },
  { title: "Described at", show: (m) => m.metadata_uri || "–" },
  { title: "Owner", show: (m) => <Account of={m.owner} /> },
  { title: "Orders", show: (m) => integer(m.orders), number: true },
  { title: "Tasks settled", show: (m) => integer(m.tasks_settled), number: true },
];

export const PROVIDERS: Column<Provider>[] = [
  { title: "Provider", show: (p) => <Account of={p.provider} /> },
  { title: "Batches", show: (p) => integer(p.batches), number: true },
  { title: "Settled", show: (p) => integer(p.batches_settled), number: true },
  { title: "Forfeited", show: (p) => integer(p.batches_forfeited), number: true },
  { title: "Tasks", show: (p) => integer(p.tasks_settled), number: true },
  { title: "Last active", show: (p) => <Ago at={p.last_active_at} /> },
];

export const EVENTS: Column<ChainEvent>[] = [
  { title: "Event", show: (e) => e.name },
  { title: "About", show: (e) => <About event={e} /> },
  { title: "Block", show: (e) => integer(e.block_number), number: true },
  { title: "Time", show: (e) => <Ago at={e.timestamp} /> },
];

const PARTIES = ["sender", "receiver", "owner", "operator", "provider", "customer"];

/** What an event is about, as links. */
function About({ event }: { event: ChainEvent }) {
  const fields = event.fields ?? {};
  const text = (name: string) => (typeof fields[name] === "string" ? (fields[name] as string) : undefined);
  const [order, batch, game, model] = [text("order_id"), text("batch_id"), text("game_id"), text("model_id")];
  const parties = PARTIES.flatMap((name) => {
    const account = text(name);
    return account && account !== ZERO_ADDRESS ? [{ name, account }] : [];
  });
  return (
    <span className="about">
      {order && (
        <span>
          order <Id kind="orders" id={order} />
        </span>
      )}
      {batch && (
        <span>
          batch <Id kind="batches" id={batch} />
        </span>
      )}
      {game && (
        <span>
          dispute <Id kind="disputes" id={game} />
        </span>
      )}
      {model && !order && (
        <span>
          model <Id kind="models" id={model} />
        </span>
      )}
      {parties.map(({ name, account }) => (
        <span key={name}>
          {name} <Account of={account} />
        </span>
      ))}
      {text("amount") && <span className="dim">{integer(text("amount") ?? "")}</span>}
    </span>
  );
}
