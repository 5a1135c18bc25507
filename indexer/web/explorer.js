// The explorer: reads the API that any client reads, and draws it. Values go into the page as text, never as markup.
"use strict";

const main = document.getElementById("main");
const ZERO = "0x" + "0".repeat(40);
let leave = () => {};

/** An element; `parts` are texts or elements. */
function el(tag, attributes, ...parts) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value !== undefined && value !== null) node.setAttribute(name, value);
  }
  node.append(...parts.flat(Infinity).filter((part) => part !== null && part !== undefined));
  return node;
}

async function get(path) {
  const response = await fetch(path, { headers: { accept: "application/json" } });
  const body = await response.json();
  if (!response.ok) throw Object.assign(new Error(body.message ?? body.error?.message), { body });
  return body;
}

/* VALUES */

const short = (hex) => (hex.length > 14 ? `${hex.slice(0, 8)}…${hex.slice(-4)}` : hex);
const link = (kind, id, text = short(id)) => el("a", { class: "mono", href: `#/${kind}/${id}`, title: id }, text);
const account = (address) => link("accounts", address);
const hex = (value) => el("span", { class: "mono" }, value);
const token = (address) => (address === ZERO ? "the native currency" : account(address));
const word = (value) => el("span", { class: `word ${value}` }, value);
const time = (seconds) => el("time", { datetime: new Date(seconds * 1000).toISOString() }, new Date(seconds * 1000).toLocaleString());
/** Groups digits without ever making a number of them: amounts exceed 53 bits. */
const amount = (digits) => String(digits).replace(/\B(?=(\d{3})+$)/g, "\u2009");
const share = (points) => `${(points / 100).toFixed(2)} %`;
const bar = (done, all) => [el("progress", { value: done, max: all }), ` ${done} / ${all}`];

/* LAYOUT */

const heading = (text, ...rest) => el("h1", null, text, ...rest);
const tile = (value, label) => el("div", { class: "tile" }, el("b", null, String(value)), el("span", null, label));
const facts = (pairs) =>
  el("dl", null, pairs.filter((pair) => pair[1] !== null && pair[1] !== undefined).map(([name, value]) => [el("dt", null, name), el("dd", null, value)]));

/** Columns are [title, how to show an item, class]. */
function table(columns, items) {
  const body = el("tbody");
  const rows = (list) => list.map((item) => el("tr", null, columns.map(([, show, kind]) => el("td", { class: kind }, show(item)))));
  body.append(...rows(items));
  if (items.length === 0) body.append(el("tr", null, el("td", { colspan: columns.length, class: "dim" }, "None yet.")));
  const head = el("thead", null, el("tr", null, columns.map(([title, , kind]) => el("th", { class: kind, scope: "col" }, title))));
  return { node: el("div", { class: "table" }, el("table", null, head, body)), add: (list) => body.append(...rows(list)) };
}

/** A list that grows page by page. */
async function list(path, columns) {
  const separator = path.includes("?") ? "&" : "?";
  let page = await get(path);
  const drawn = table(columns, page.items);
  const more = el("button", { type: "button" }, "More");
  more.hidden = !page.next;
  more.addEventListener("click", async () => {
    page = await get(`${path}${separator}cursor=${page.next}`);
    drawn.add(page.items);
    more.hidden = !page.next;
  });
  return [drawn.node, more];
}

const ORDERS = [
  ["Order", (o) => link("orders", o.order_id)],
  ["Status", (o) => word(o.status)],
  ["Tasks", (o) => bar(o.settled + o.forfeited, o.count)],
  ["Escrowed", (o) => amount(o.escrowed), "number"],
  ["Customer", (o) => account(o.customer)],
  ["Opened", (o) => time(o.opened_at)],
];
const BATCHES = [
  ["Batch", (b) => link("batches", b.batch_id)],
  ["Status", (b) => word(b.status)],
  ["Tasks", (b) => `${b.first} – ${b.first + b.count - 1}`, "number"],
  ["Units", (b) => amount(b.units), "number"],
  ["Paid", (b) => amount(b.paid), "number"],
  ["Provider", (b) => account(b.provider)],
  ["Committed", (b) => time(b.committed_at)],
];
const TASKS = [
  ["Task", (t) => t.index, "number"],
  ["Units", (t) => t.units, "number"],
  ["Input", (t) => hex(short(t.input_hash))],
  ["Output", (t) => hex(short(t.output_hash))],
  ["Leaf", (t) => hex(short(t.proof.leaf))],
  ["Proof", (t) => `${t.proof.siblings.length} hashes`, "number"],
];
const DISPUTES = [
  ["Dispute", (d) => link("disputes", d.dispute_id)],
  ["Status", (d) => word(d.status)],
  ["Task", (d) => d.task_index ?? "hidden", "number"],
  ["Moves", (d) => d.moves, "number"],
  ["Challenger", (d) => account(d.challenger)],
  ["Last move", (d) => time(d.moved_at)],
];
const MOVES = [
  ["Move", (m) => m.name.replaceAll("_", " ")],
  ["Time", (m) => time(m.moved_at)],
  ["Block", (m) => m.position.split("-")[0], "number"],
  ["Transaction", (m) => hex(m.transaction_hash)],
];
const TESTIMONIES = [
  ["Task", (t) => t.task_index, "number"],
  ["Party", (t) => account(t.party)],
  ["Sealed", (t) => (t.seal ? hex(short(t.seal)) : "–")],
  ["Trace root", (t) => (t.trace_root ? [hex(short(t.trace_root)), t.dissented ? " dissents" : ""] : "–")],
  ["Slashed", (t) => (t.slashed === null ? "" : amount(t.slashed)), "number"],
];
const VALIDATORS = [
  ["Validator", (v) => account(v.validator)],
  ["Seat", (v) => v.number || "left", "number"],
  ["Stake", (v) => amount(v.stake), "number"],
  ["Slashed", (v) => amount(v.slashed), "number"],
];
const MODELS = [
  ["Model", (m) => link("models", m.model_id)],
  ["Described at", (m) => m.metadata_uri || "–"],
  ["Owner", (m) => account(m.owner)],
  ["Orders", (m) => m.orders, "number"],
  ["Tasks settled", (m) => m.tasks_settled, "number"],
];
const PROVIDERS = [
  ["Provider", (p) => account(p.provider)],
  ["Batches", (p) => p.batches, "number"],
  ["Settled", (p) => p.batches_settled, "number"],
  ["Forfeited", (p) => p.batches_forfeited, "number"],
  ["Tasks", (p) => amount(p.tasks_settled), "number"],
  ["Last active", (p) => time(p.last_active_at)],
];
const EVENTS = [
  ["Event", (e) => el("span", null, e.name)],
  ["About", about],
  ["Block", (e) => e.block_number, "number"],
  ["Time", (e) => time(e.timestamp)],
];

/** What an event is about, as links. */
function about(event) {
  const fields = event.fields ?? {};
  const links = [];
  if (fields.order_id) links.push("order ", link("orders", fields.order_id), " ");
  if (fields.batch_id) links.push("batch ", link("batches", fields.batch_id), " ");
  if (fields.game_id) links.push("dispute ", link("disputes", fields.game_id), " ");
  if (fields.model_id && !fields.order_id) links.push("model ", link("models", fields.model_id), " ");
  for (const name of ["sender", "receiver", "owner", "operator", "provider", "customer"]) {
    if (fields[name] && fields[name] !== ZERO) links.push(`${name} `, account(fields[name]), " ");
  }
  if (fields.amount) links.push(el("span", { class: "dim" }, amount(fields.amount)));
  return links;
}

/* PAGES */

async function home() {
  const stats = await get("/v1/stats");
  const sum = (counts) => Object.values(counts).reduce((a, b) => a + b, 0);
  const money = stats.tokens.map((t) => [
    el("h2", null, "In ", token(t.token)),
    el("div", { class: "tiles" }, tile(amount(t.supply), "in the ledger"), tile(amount(t.escrowed), "escrowed in all"),
      tile(amount(t.paid), "paid to providers"), tile(amount(t.fees), "fees"), tile(amount(t.refunded), "refunded")),
  ]);
  return [
    heading("Overview"),
    el("div", { class: "tiles" }, tile(sum(stats.orders), "orders"), tile(sum(stats.batches), "batches"),
      tile(stats.tasks_settled, "tasks settled"), tile(stats.models, "models"), tile(stats.providers, "providers"),
      tile(stats.accounts, "ledger accounts"), tile(stats.events, "events")),
    ...money.flat(),
    el("h2", null, "Latest orders"), ...(await list("/v1/orders?limit=10", ORDERS)),
    el("h2", null, "Latest batches"), ...(await list("/v1/batches?limit=10", BATCHES)),
  ];
}

/** Tasks whose blob is missing or altered: the rest of the page stands. */
const missing = (error) => [el("p", { class: "dim" }, error.message)];

async function order(id) {
  const o = await get(`/v1/orders/${id}`);
  const tasks = await list(`/v1/orders/${id}/tasks`, TASKS).catch(missing);
  return [
    heading("Order ", hex(o.order_id)),
    facts([
      ["Status", [word(o.status), o.closed_by ? ` ${o.closed_by}` : ""]],
      ["Tasks", bar(o.settled + o.forfeited, o.count)],
      ["Customer", account(o.customer)],
      ["Model", link("models", o.model_id)],
      ["Token", token(o.token)],
      ["Escrowed", amount(o.escrowed)],
      ["Unit price", `${amount(o.unit_price)}, at most ${o.unit_cap} units a task`],
      ["Paid", amount(o.paid)],
      ["Fees", `${amount(o.fees)} (${share(o.terms.fee_rate)})`],
      ["Royalties", amount(o.royalties)],
      ["Refunded", amount(o.refunded)],
      ["Deadline", time(o.deadline)],
      ["Inputs root", hex(o.inputs_root)],
      ["Opened", [time(o.opened_at), " in ", hex(short(o.transaction_hash))]],
    ]),
    el("h2", null, "Batches"), ...(await list(`/v1/orders/${id}/batches`, BATCHES)),
    el("h2", null, "Tasks"), ...tasks,
    el("h2", null, "History"), ...(await list(`/v1/orders/${id}/history`, EVENTS)),
  ];
}

/** How far a draw is, what was drawn, and what was said about it. */
function draw(d) {
  if (!d) return [];
  return [
    el("h2", null, "Draw"),
    facts([
      ["Status", [word(d.status), d.certain ? " drawn with certainty, for its first round was lost" : ""]],
      ["Round", d.round],
      ["Tasks", d.drawn.length ? d.drawn.map((t) => t.index).join(", ") : null],
      ["Phase ends", d.phase_end ? time(d.phase_end) : null],
      ["Paid", amount(d.paid)],
      ["Refund", amount(d.refund)],
      ["Drawn in", d.draw_transaction ? hex(short(d.draw_transaction)) : null],
      ["Concluded in", d.conclude_transaction ? hex(short(d.conclude_transaction)) : null],
      ["Pot", d.pot ? [amount(d.pot.amount), " to ", account(d.pot.winner), d.pot.claim_transaction ? " claimed" : [" from ", time(d.pot.claimable_at)]] : null],
    ]),
    d.testimonies.length ? table(TESTIMONIES, d.testimonies).node : null,
  ];
}

async function dispute(id) {
  const d = await get(`/v1/disputes/${id}`);
  return [
    heading("Dispute ", hex(d.dispute_id)),
    facts([
      ["Status", [word(d.status), d.proven ? " by the referee" : ""]],
      ["Batch", d.batch_id ? link("batches", d.batch_id) : "hidden until it is opened"],
      ["Task", d.task_index],
      ["Challenger", account(d.challenger)],
      ["Provider", d.provider ? account(d.provider) : null],
      ["Operator", d.operator],
      ["Row", d.row],
      ["Bond", [amount(d.bond), d.bond_to ? [" to ", account(d.bond_to)] : ""]],
    ]),
    el("h2", null, "Moves"), table(MOVES, d.history).node,
  ];
}

async function batch(id) {
  const b = await get(`/v1/batches/${id}`);
  const tasks = await list(`/v1/batches/${id}/tasks`, TASKS).catch(missing);
  return [
    heading("Batch ", hex(b.batch_id)),
    facts([
      ["Status", [word(b.status), b.fault ? ` ${b.fault}` : ""]],
      ["Order", link("orders", b.order_id)],
      ["Provider", account(b.provider)],
      ["Tasks", `${b.first} – ${b.first + b.count - 1}, ${amount(b.units)} units`],
      ["Root", hex(b.root)],
      ["Stake", amount(b.stake)],
      ["Paid", amount(b.paid)],
      ["Fee", amount(b.fee)],
      ["Royalties", amount(b.royalties)],
      ["Refund", amount(b.refund)],
      ["Slashed", b.slashed === "0" ? null : `${amount(b.slashed)}, of which ${amount(b.burned)} burned`],
      ["Committed", [time(b.committed_at), " in ", hex(short(b.commit_transaction))]],
      ["Closed", b.closed_at ? [time(b.closed_at), " in ", hex(short(b.close_transaction)), b.accepted ? " by the customer's receipt" : ""] : null],
    ]),
    ...draw(b.draw).filter((part) => part !== null),
    ...(b.draw ? [el("h2", null, "Disputes"), ...(await list(`/v1/disputes?batch=${id}`, DISPUTES))] : []),
    el("h2", null, "Tasks"), ...tasks,
  ];
}

async function model(id) {
  const m = await get(`/v1/models/${id}`);
  return [
    heading("Model ", hex(m.model_id)),
    facts([
      ["Owner", account(m.owner)],
      ["Described at", m.metadata_uri],
      ["Program root", hex(m.program_root)],
      ["Weights root", hex(m.weights_root)],
      ["Royalties", m.royalties.length ? m.royalties.map((r) => [account(r.account), ` ${share(r.share)} `]).flat() : "none"],
      ["Price floors", m.price_floors.filter((f) => f.accepted).map((f) => [token(f.token), ` ${amount(f.unit_price)} a unit `]).flat()],
      ["Registered", time(m.registered_at)],
    ]),
    el("h2", null, "Orders"), ...(await list(`/v1/orders?model=${id}`, ORDERS)),
  ];
}

async function accountPage(address) {
  const a = await get(`/v1/accounts/${address}`);
  return [
    heading("Account ", hex(a.address)),
    el("h2", null, "Ledger"),
    table([["Token", (b) => token(b.token)], ["Balance", (b) => amount(b.amount), "number"]], a.balances).node,
    el("h2", null, "Stake"),
    table([["Service", (p) => account(p.service)], ["Stake", (p) => amount(p.stake), "number"], ["Locked", (p) => amount(p.locked), "number"],
      ["Thawing", (p) => amount(p.thawing), "number"], ["Slashed", (p) => amount(p.slashed), "number"]], a.provisions).node,
    el("h2", null, "Orders"), ...(await list(`/v1/orders?customer=${address}`, ORDERS)),
    el("h2", null, "Batches"), ...(await list(`/v1/batches?provider=${address}`, BATCHES)),
    el("h2", null, "Disputes"), ...(await list(`/v1/disputes?account=${address}`, DISPUTES)),
    el("h2", null, "History"), ...(await list(`/v1/accounts/${address}/history`, EVENTS)),
  ];
}

/** Newest first; a rollback takes away what is no longer part of the chain. */
async function live() {
  const drawn = table(EVENTS, []);
  const body = drawn.node.querySelector("tbody");
  body.replaceChildren();
  const source = new EventSource("/v1/events/stream");
  leave = () => source.close();
  source.onmessage = (message) => {
    const event = JSON.parse(message.data);
    const row = el("tr", { "data-block": event.block_number }, EVENTS.map(([, show, kind]) => el("td", { class: kind }, show(event))));
    body.prepend(row);
    while (body.rows.length > 500) body.lastChild.remove();
  };
  source.addEventListener("rollback", (message) => {
    const { block_number: block } = JSON.parse(message.data);
    for (const row of [...body.rows]) if (Number(row.dataset.block) > block) row.remove();
    body.prepend(el("tr", null, el("td", { colspan: EVENTS.length, class: "rollback" }, `Rolled back to block ${block}`)));
  });
  return [heading("Live events"), el("p", { class: "dim" }, "Waiting for the next event…"), drawn.node];
}

const PAGES = {
  "": home,
  orders: (id) => (id ? order(id) : list("/v1/orders", ORDERS).then((parts) => [heading("Orders"), ...parts])),
  batches: (id) => (id ? batch(id) : list("/v1/batches", BATCHES).then((parts) => [heading("Batches"), ...parts])),
  disputes: (id) => (id ? dispute(id) : list("/v1/disputes", DISPUTES).then((parts) => [heading("Disputes"), ...parts])),
  validators: () => list("/v1/validators", VALIDATORS).then((parts) => [heading("Validators"), ...parts]),
  models: (id) => (id ? model(id) : list("/v1/models", MODELS).then((parts) => [heading("Models"), ...parts])),
  providers: () => list("/v1/providers", PROVIDERS).then((parts) => [heading("Providers"), ...parts]),
  accounts: (id) => accountPage(id),
  events: live,
};

async function show() {
  leave();
  leave = () => {};
  const [, kind = "", id] = location.hash.split("/");
  for (const anchor of document.querySelectorAll("nav a")) {
    anchor.toggleAttribute("aria-current", anchor.getAttribute("href") === `#/${kind}`);
  }
  try {
    main.replaceChildren(...(await (PAGES[kind] ?? home)(id && encodeURIComponent(id))));
  } catch (error) {
    main.replaceChildren(heading("Not found"), el("p", null, error.message), el("p", { class: "dim" }, error.body?.hint ?? ""));
  }
}

/** An address is an account; of 32 bytes, the first that exists. */
async function find(id) {
  if (/^(0x)?[0-9a-f]{40}$/i.test(id)) return `#/accounts/${id}`;
  for (const kind of ["orders", "batches", "models", "disputes"]) {
    if ((await fetch(`/v1/${kind}/${encodeURIComponent(id)}`)).ok) return `#/${kind}/${id}`;
  }
  return `#/orders/${id}`;
}

document.getElementById("search").addEventListener("submit", async (event) => {
  event.preventDefault();
  const id = new FormData(event.target).get("id").trim();
  if (id) location.hash = await find(id);
});

async function state() {
  const line = document.getElementById("state");
  try {
    const response = await fetch("/ready");
    const ready = await response.json();
    const at = `Block ${ready.indexed_block ?? "–"} of ${ready.head_block ?? "–"}`;
    line.textContent = ready.ready ? `${at}, up to date` : `${at}: ${ready.error.message}`;
    line.className = ready.ready ? "" : "bad";
  } catch {
    line.textContent = "The indexer does not answer";
    line.className = "bad";
  }
}

window.addEventListener("hashchange", show);
show();
state();
setInterval(state, 4000);
get("/v1/stats").then((stats) => {
  document.getElementById("deployment").append("Chain ", String(stats.chain_id), ", escrow ", hex(short(stats.job_escrow)));
}).catch(() => {});
