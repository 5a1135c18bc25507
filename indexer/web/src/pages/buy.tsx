/** Buying: what is wanted, what it costs, and what becomes of it. */
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { type Address, isAddress } from "viem";
import { useConfig, useConnection, usePublicClient } from "wagmi";
import { afterApproval } from "../chain/errors";
import { APPROVALS, approve, buy, NO_PROMO, type Purchase, type Wanted, type Way, wayOf } from "../chain/payment";
import { type Buyer, type Phase, type Sale, tierName, tiersFor, useBuyer } from "../chain/sale";
import { inToken, useToken } from "../chain/token";
import { isBusy, requireAccount, type Sending, type Transaction, useTransaction } from "../chain/transaction";
import { count, integer, share, ZERO_ADDRESS } from "../lib/format";
import { buybackOf, firstOpen, type Quote, quote } from "../lib/price";
import { Facts, Notice } from "../parts/layout";
import { SendingNotice } from "../parts/sending";
import { Link } from "../parts/values";
import { type Listed, ListFile, type Promo, PromoField } from "./lists-of-sale";
import { BoughtReceipt } from "./receipt";

interface Choice {
  tier: number;
  quantity: number;
  buyback: boolean;
  /** Whether the purchase may go on into the next tier, at its price, when others are first. */
  follow: boolean;
  referrer: string;
  promo: Promo | null;
  listed: Listed | null;
}

export function Buy({
  sale,
  phase,
  place,
  referrer,
}: {
  sale: Sale;
  phase: Phase;
  place: number;
  referrer: string | null;
}) {
  const { address } = useConnection();
  const tokenAddress = sale.tokens[place];
  const buyer = useBuyer(sale, address, tokenAddress).data;
  const tiers = tiersFor(sale, place);
  const [choice, setChoice] = useState<Choice>({
    tier: -1,
    quantity: 1,
    buyback: sale.terms.buybackUntil !== 0,
    follow: false,
    referrer: referrer ?? "",
    promo: null,
    listed: null,
  });
  const set = (change: Partial<Choice>) => setChoice((now) => ({ ...now, ...change }));
  // In a sale by order there is no choice of tier; in the others the first that has any left is as good as any.
  const tier = sale.terms.sequential || choice.tier < 0 ? firstOpen(tiers) : choice.tier;
  const discount = choice.promo
    ? choice.promo.discount
    : isAddress(choice.referrer)
      ? BigInt(sale.terms.referralDiscount)
      : 0n;
  const price = quote(tiers, sale.terms.sequential, tier, choice.quantity, discount);
  // Kept here, so that what became of a purchase is told even when it was the sale's last.
  const [approval, purchase] = [useTransaction(), useTransaction()];
  const [approved, setApproved] = useState<string>();
  const outcome = <Became sale={sale} approval={approval.sending} purchase={purchase.sending} approved={approved} />;
  if (phase === "over") {
    return (
      <>
        <p className="empty">Nothing is sold any more.</p>
        {outcome}
      </>
    );
  }
  return (
    <form className="buy" onSubmit={(event) => event.preventDefault()}>
      {!sale.terms.sequential && <TierField sale={sale} tier={tier} choose={(chosen) => set({ tier: chosen })} />}
      <Field label="Licences">
        <input
          type="number"
          inputMode="numeric"
          min={1}
          max={1000}
          value={choice.quantity}
          onChange={(event) => set({ quantity: Math.max(1, Math.floor(event.target.valueAsNumber || 1)) })}
        />
      </Field>
      <Discounts sale={sale} choice={choice} set={set} buyer={address} />
      <Options sale={sale} choice={choice} set={set} />
      {phase === "allow-list" && (
        <ListFile sale={sale} account={address} listed={choice.listed} found={(listed) => set({ listed })} />
      )}
      <Cost
        sale={sale}
        place={place}
        price={price}
        discount={discount}
        buyback={choice.buyback}
        buyer={buyer}
        tier={tier}
      />
      {address && tokenAddress ? (
        <Checkout
          sale={sale}
          phase={phase}
          place={place}
          tier={tier}
          price={price}
          choice={choice}
          discount={discount}
          account={address}
          buyer={buyer}
          approval={approval}
          purchase={purchase}
          tellApproved={setApproved}
        />
      ) : (
        <p className="dim">Connect a wallet to buy.</p>
      )}
      {outcome}
    </form>
  );
}

function Field({ label, children, hint }: { label: string; children: ReactNode; hint?: ReactNode }) {
  return (
    // biome-ignore lint/a11y/noLabelWithoutControl: the control is the child.
    <label className="field">
      <span>{label}</span>
      {children}
      {hint && <small className="dim">{hint}</small>}
    </label>
  );
}

function TierField({ sale, tier, choose }: { sale: Sale; tier: number; choose: (tier: number) => void }) {
  return (
    <Field label="Tier">
      <select value={tier} onChange={(event) => choose(Number(event.target.value))}>
        {sale.tiers.map((each, i) => (
          <option key={each.first} value={i} disabled={each.sold === each.supply}>
            {`${tierName(sale, i)}, ${each.sold === each.supply ? "sold out" : `${integer(each.supply - each.sold)} left`}`}
          </option>
        ))}
      </select>
    </Field>
  );
}

interface Choosing {
  sale: Sale;
  choice: Choice;
  set: (change: Partial<Choice>) => void;
}

function Discounts({ sale, choice, set, buyer }: Choosing & { buyer: Address | undefined }) {
  const own = buyer && choice.referrer.toLowerCase() === buyer.toLowerCase();
  const hint = own ? "Nobody can refer themselves." : referralHint(sale, choice.referrer);
  return (
    <>
      {sale.terms.referralDiscount > 0 && !choice.promo && (
        <Field label="Who sent you (optional)" hint={hint}>
          <input
            className="mono"
            placeholder="0x…"
            spellCheck={false}
            autoComplete="off"
            value={choice.referrer}
            onChange={(event) => set({ referrer: event.target.value.trim() })}
          />
        </Field>
      )}
      {!choice.referrer && <PromoField sale={sale} promo={choice.promo} found={(promo) => set({ promo })} />}
    </>
  );
}

function referralHint(sale: Sale, referrer: string): string {
  const saved = share(sale.terms.referralDiscount);
  if (!referrer) return `The account of who sent you saves you ${saved}.`;
  return isAddress(referrer) ? `Saves you ${saved}.` : "This is no account.";
}

function Options({ sale, choice, set }: Choosing) {
  return (
    <>
      {sale.terms.buybackUntil !== 0 && (
        <label className="check">
          <input
            type="checkbox"
            checked={choice.buyback}
            onChange={(event) => set({ buyback: event.target.checked })}
          />
          <span>The seller shall take them back if I want, for what I paid less {share(sale.terms.buybackFee)}</span>
        </label>
      )}
      {sale.terms.sequential && (
        <label className="check">
          <input type="checkbox" checked={choice.follow} onChange={(event) => set({ follow: event.target.checked })} />
          <span>If others are first, buy at the next tier's price rather than not at all</span>
        </label>
      )}
    </>
  );
}

const PROBLEMS: Record<NonNullable<Quote["problem"]>, string> = {
  "sold out": "So many are not left.",
  "not for this token": "This tier is not sold for that token.",
  "not yet open": "This tier opens when the one before is sold out.",
};

/** What the seller pays for all of them, should it take them back. */
const givenBack = (sale: Sale, { parts }: Quote): bigint =>
  parts.reduce((sum, part) => sum + buybackOf(part.each, BigInt(sale.terms.buybackFee)) * BigInt(part.quantity), 0n);

function Cost({
  sale,
  place,
  price,
  discount,
  buyback,
  buyer,
  tier,
}: {
  sale: Sale;
  place: number;
  price: Quote;
  discount: bigint;
  buyback: boolean;
  buyer: Buyer | undefined;
  tier: number;
}) {
  const token = useToken(sale.tokens[place]);
  if (price.problem) return <Notice tone="info" title={PROBLEMS[price.problem]} />;
  if (!token) return null;
  const cap = sale.tiers[tier]?.cap ?? 0;
  const left = cap - (buyer?.bought[tier] ?? 0);
  return (
    <div className="cost">
      <Facts
        of={[
          ...price.parts.map((part): [string, ReactNode] => [
            tierName(sale, part.tier),
            `${integer(part.quantity)} × ${inToken(part.each, token)}`,
          ]),
          ["Saved", discount > 0n && share(Number(discount))],
          ["Given back, they bring", buyback && inToken(givenBack(sale, price), token)],
          ["Your share left", cap > 0 && buyer && `${count(Math.max(0, left), "licence")} of ${tierName(sale, tier)}`],
          [
            "Your balance",
            buyer && <span title={inToken(buyer.balance, token)}>{inToken(buyer.balance, token, 4)}</span>,
          ],
        ]}
      />
      <p className="total">
        <span>In all</span> <strong>{inToken(price.cost, token)}</strong>
      </p>
      {buyer && buyer.balance < price.cost && (
        <Notice tone="info" title={`Your wallet holds too little ${token.symbol} for this.`} />
      )}
    </div>
  );
}

const BUTTONS: Record<Way, string> = {
  native: "Buy",
  allowance: "Buy",
  permit: "Sign and buy",
  approval: "Approve, then buy",
  renewal: "Approve anew, then buy",
};

const STEPS: Record<Way, string> = {
  native: "One confirmation in your wallet. Gas comes on top.",
  allowance: "One confirmation in your wallet, for the sale may take this amount already. Gas comes on top.",
  permit: "A signature that costs nothing, and one confirmation. Gas comes on top.",
  approval: "Two confirmations, for this token takes no signed permits. Gas comes on top, twice.",
  renewal:
    "Three confirmations, for this token takes an earlier approval back before it takes a new one. Gas comes on top, thrice.",
};

function Checkout({
  sale,
  phase,
  place,
  tier,
  price,
  choice,
  discount,
  account,
  buyer,
  approval,
  purchase,
  tellApproved,
}: {
  sale: Sale;
  phase: Phase;
  place: number;
  tier: number;
  price: Quote;
  choice: Choice;
  discount: bigint;
  account: Address;
  buyer: Buyer | undefined;
  approval: Transaction;
  purchase: Transaction;
  /** Told what the approvals of a purchase allow, once they are in a block. */
  tellApproved: (what: string | undefined) => void;
}) {
  const [config, client, queries] = [useConfig(), usePublicClient(), useQueryClient()];
  const { chainId } = useConnection();
  const token = sale.tokens[place] ?? ZERO_ADDRESS;
  const known = useToken(token);
  const maxCost = choice.follow ? dearest(sale, place, tier, choice.quantity, discount, price.cost) : price.cost;
  const way = useQuery({
    queryKey: ["way", sale.address, account, token, String(maxCost)],
    enabled: !!client && !price.problem,
    queryFn: () => (client ? wayOf(client, token, account, sale.address, maxCost) : "native"),
  }).data;
  const busy = isBusy(approval.sending) || isBusy(purchase.sending);
  const wrongNetwork = chainId !== client?.chain.id;
  const unlisted = phase === "allow-list" && !choice.listed;
  const poor = buyer !== undefined && buyer.balance < maxCost;
  const may = way && !price.problem && !busy && !wrongNetwork && phase !== "before" && !unlisted && !poor;

  const wanted: Wanted = {
    token: place,
    tier,
    quantity: choice.quantity,
    maxCost,
    buyback: choice.buyback,
    referrer: !choice.promo && isAddress(choice.referrer) ? choice.referrer : ZERO_ADDRESS,
    promo: choice.promo ?? NO_PROMO,
    allocation: phase === "allow-list" ? (choice.listed?.allocation ?? 0n) : 0n,
    allowlistProof: phase === "allow-list" ? (choice.listed?.proof ?? []) : [],
  };
  const go = async () => {
    if (!way) return;
    approval.reset();
    purchase.reset();
    tellApproved(undefined);
    const terms: Purchase = { sale: sale.address, token, payer: account, wanted };
    const checked = <T,>(act: () => Promise<T>) => {
      requireAccount(config, account);
      return act();
    };
    const approveAll = async () => {
      for (const { exactly, what } of APPROVALS[way]) {
        const set = async (ask: (what: string) => void) => {
          ask(what);
          return checked(() => approve(config, terms, exactly ? maxCost : 0n));
        };
        if (!(await approval.send(set))) return false;
        tellApproved(exactly && known ? mayTake(inToken(maxCost, known)) : TAKEN_BACK);
      }
      return true;
    };
    if (await approveAll()) await purchase.send(async (ask) => checked(() => buy(config, way, terms, ask)));
    await queries.invalidateQueries();
  };
  return (
    <>
      {choice.follow && known && maxCost > price.cost && (
        <p>
          At most <strong>{inToken(maxCost, known)}</strong>; you pay what they cost, and the rest stays with you.
        </p>
      )}
      <button type="submit" className="primary large" disabled={!may} onClick={() => void go()}>
        {phase === "before" ? "Not open yet" : unlisted ? "For listed buyers only" : BUTTONS[way ?? "native"]}
      </button>
      {may && <p className="dim">{STEPS[way]}</p>}
    </>
  );
}

const mayTake = (amount: string) =>
  `The sale may take ${amount} from your wallet, as you approved. Trying again needs the purchase alone.`;
const TAKEN_BACK = "The sale may take nothing from your wallet any more.";

/** What became of the approvals and of the purchase. */
function Became({
  sale,
  approval,
  purchase,
  approved,
}: {
  sale: Sale;
  approval: Sending;
  purchase: Sending;
  approved: string | undefined;
}) {
  const withApproval = (sending: Sending): Sending =>
    approved && sending.state === "failed"
      ? { ...sending, trouble: afterApproval(sending.trouble, approved) }
      : sending;
  return (
    <>
      {approval.state !== "confirmed" && <SendingNotice of={withApproval(approval)} done={null} />}
      <SendingNotice
        of={withApproval(purchase)}
        done={
          <>
            {purchase.state === "confirmed" && <BoughtReceipt sale={sale} receipt={purchase.receipt} />}
            <Link to="nodes">My nodes</Link>
          </>
        }
      />
    </>
  );
}

/** What they would cost if the rest of the tier were gone. */
function dearest(sale: Sale, place: number, tier: number, quantity: number, discount: bigint, cost: bigint): bigint {
  const gone = tiersFor(sale, place).map((each, i) => (i === tier ? { ...each, sold: each.supply } : each));
  const later = quote(gone, true, tier + 1, quantity, discount);
  return later.problem || later.cost < cost ? cost : later.cost;
}
