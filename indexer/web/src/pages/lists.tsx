/** Everything that is only listed. */
import { useCallback, useState } from "react";
import { useEvents } from "../api/hooks";
import type { Batch, ChainEvent, Dispute, Model, Order, Provider, Validator } from "../api/types";
import { useDeployment } from "../chain/config";
import { batchColumns, disputeColumns, EVENTS, MODELS, ORDERS, PROVIDERS, validatorColumns } from "../parts/columns";
import { Notice, Page } from "../parts/layout";
import { List, Table } from "../parts/table";

/** The token of stakes, bonds and pots. */
export function useStakeToken(): `0x${string}` | undefined {
  const { parameters } = useDeployment().suite as { parameters?: { stakeToken?: `0x${string}` } };
  return parameters?.stakeToken;
}

export const Orders = () => (
  <Page title="Orders" lead="What customers asked for, and what lies in escrow for it.">
    <List<Order> path="/v1/orders" caption="Orders" columns={ORDERS} keyOf={(o) => o.order_id} />
  </Page>
);

export const Batches = () => (
  <Page title="Batches" lead="What providers committed to. Each is paid, or costs its stake.">
    <List<Batch> path="/v1/batches" caption="Batches" columns={batchColumns(undefined)} keyOf={(b) => b.batch_id} />
  </Page>
);

export function Disputes() {
  const stake = useStakeToken();
  return (
    <Page
      title="Disputes"
      lead="Two parties who disagree narrow it down to one number, which the chain computes itself."
    >
      <List<Dispute>
        path="/v1/disputes"
        caption="Disputes"
        columns={disputeColumns(stake)}
        keyOf={(d) => d.dispute_id}
      />
    </Page>
  );
}

export const Models = () => (
  <Page title="Models" lead="Programs and weights by their roots, with the owner's royalties.">
    <List<Model> path="/v1/models" caption="Models" columns={MODELS} keyOf={(m) => m.model_id} />
  </Page>
);

export const Providers = () => (
  <Page title="Providers" lead="Who computes, with stake that a wrong answer costs.">
    <List<Provider> path="/v1/providers" caption="Providers" columns={PROVIDERS} keyOf={(p) => p.provider} />
  </Page>
);

export function Validators() {
  const stake = useStakeToken();
  return (
    <Page title="Validators" lead="Who re-executes what is drawn, by seats of equal stake.">
      <List<Validator>
        path="/v1/validators"
        caption="Validators"
        columns={validatorColumns(stake)}
        keyOf={(v) => v.validator}
      />
    </Page>
  );
}

const MOST_EVENTS = 500;

/** Newest first; a rollback takes away what is no longer part of the chain. */
export function Live() {
  const [events, setEvents] = useState<ChainEvent[]>([]);
  const [rollback, setRollback] = useState<number>();
  useEvents(
    useCallback((event) => {
      if ("rollback" in event) {
        setRollback(event.rollback);
        setEvents((known) => known.filter((each) => each.block_number <= event.rollback));
      } else setEvents((known) => [event, ...known].slice(0, MOST_EVENTS));
    }, []),
  );
  return (
    <Page title="Live events" lead="Everything that happens, as it happens, from now on.">
      {rollback !== undefined && (
        <Notice tone="info" title={`The chain was reorganised back to block ${rollback}.`}>
          What came after it is gone from this list; what took its place follows.
        </Notice>
      )}
      <Table
        caption="Live events"
        columns={EVENTS}
        items={events}
        keyOf={(e) => e.id}
        empty="Waiting for the next event…"
      />
    </Page>
  );
}
