import { lazy, Suspense, useEffect, useRef } from "react";
import { useReadiness, useStream } from "./api/hooks";
import { useDeployment } from "./chain/config";
import { integer, short } from "./lib/format";
import { Batches, Disputes, Live, Models, Orders, Providers, Validators } from "./pages/lists";
import { Network } from "./pages/network";
import { AccountPage, BatchPage, DisputePage, ModelPage, OrderPage } from "./pages/work";
import { Loading, Notice, Page } from "./parts/layout";
import { Search } from "./parts/search";
import { WalletButton, WalletTrouble } from "./parts/wallet";
import { type Route, useRoute } from "./route";

const SalePage = lazy(() => import("./pages/sale").then(({ SalePage }) => ({ default: SalePage })));
const Nodes = lazy(() => import("./pages/nodes").then(({ Nodes }) => ({ default: Nodes })));
const Operators = lazy(() => import("./pages/operators").then(({ Operators }) => ({ default: Operators })));
const TaskPage = lazy(() => import("./pages/task").then(({ TaskPage }) => ({ default: TaskPage })));

/** Sections with their names. */
const MAIN = { "": "Network", sale: "Licences", nodes: "My nodes", operators: "Operators" };
const MORE = {
  orders: "Orders",
  batches: "Batches",
  disputes: "Disputes",
  models: "Models",
  providers: "Providers",
  validators: "Validators",
  events: "Live",
};

function Shown({ route: { page, id, rest, query } }: { route: Route }) {
  switch (page) {
    case "":
      return <Network />;
    case "sale":
      return <SalePage id={id} referrer={query.get("ref")} />;
    case "nodes":
      return <Nodes />;
    case "operators":
      return <Operators />;
    case "orders":
      return id ? <OrderPage id={id} /> : <Orders />;
    case "batches":
      if (id && rest) return <TaskPage batch={id} index={rest} />;
      return id ? <BatchPage id={id} /> : <Batches />;
    case "disputes":
      return id ? <DisputePage id={id} /> : <Disputes />;
    case "models":
      return id ? <ModelPage id={id} /> : <Models />;
    case "providers":
      return <Providers />;
    case "validators":
      return <Validators />;
    case "events":
      return <Live />;
    case "accounts":
      if (id) return <AccountPage id={id} />;
  }
  return (
    <Page title="No such page">
      <p>The link is wrong, or of another version.</p>
    </Page>
  );
}

export function App() {
  const route = useRoute();
  const main = useRef<HTMLElement>(null);
  const place = `${route.page}/${route.id ?? ""}/${route.rest ?? ""}`;
  const seen = useRef(place);
  useStream();
  // A reader's place follows the page, but does not jump when it is first opened.
  useEffect(() => {
    if (seen.current === place) return;
    seen.current = place;
    main.current?.focus({ preventScroll: true });
    window.scrollTo(0, 0);
  }, [place]);
  return (
    <>
      <button type="button" className="skip" onClick={() => main.current?.focus()}>
        Skip to the content
      </button>
      <Top page={route.page} />
      <main id="main" ref={main} tabIndex={-1}>
        <IndexTrouble />
        <WalletTrouble />
        <Suspense fallback={<Loading />}>
          <Shown key={place} route={route} />
        </Suspense>
      </main>
      <Bottom />
    </>
  );
}

function Top({ page }: { page: string }) {
  const links = (sections: Record<string, string>) =>
    Object.entries(sections).map(([name, title]) => (
      <a key={name} href={`#/${name}`} aria-current={page === name ? "page" : undefined}>
        {title}
      </a>
    ));
  return (
    <header className="top">
      <div className="bar">
        <a className="brand" href="#/">
          <svg viewBox="0 0 16 16" width="20" height="20" aria-hidden="true">
            <path d="M2 14 8 2l6 12z" fill="none" stroke="currentColor" strokeWidth="2" />
          </svg>
          Assay
        </a>
        <nav aria-label="Main">{links(MAIN)}</nav>
        <WalletButton />
      </div>
      <div className="bar second">
        <nav aria-label="Network">{links(MORE)}</nav>
        <Search />
      </div>
    </header>
  );
}

/** Says when what is shown may be old, and what that does and does not touch. */
function IndexTrouble() {
  const { data, error } = useReadiness();
  if (error) {
    return (
      <Notice tone="bad" title="The indexer does not answer.">
        What is shown may be old. It is asked again every few seconds.
      </Notice>
    );
  }
  if (!data || data.ready) return null;
  const behind = data.behind
    ? `The index is ${integer(data.behind)} blocks behind the chain.`
    : (data.error?.message ?? "The index is not ready.");
  return (
    <Notice tone="info" title={behind}>
      Orders, batches and disputes here are as of block {integer(data.indexed_block ?? 0)}. Licences and their prices
      are not touched: they are read from the chain itself.
    </Notice>
  );
}

function Bottom() {
  const { data } = useReadiness();
  const { chain_id: chain, suite } = useDeployment();
  return (
    <footer>
      <span>
        {data?.indexed_block == null
          ? "No block yet"
          : `Block ${integer(data.indexed_block)} of ${integer(data.head_block ?? 0)}`}
        {data?.ready && ", up to date"}
      </span>
      <span>
        Chain {chain}, escrow <span className="mono">{short(String(suite.jobEscrow))}</span>
      </span>
      <a href="/openapi.json">API</a>
      <a href="/metrics">Metrics</a>
    </footer>
  );
}
