/** What a licence or an operator earned: epoch by epoch with why, and how to claim it. */
import { useState } from "react";
import type { Address } from "viem";
import { useConfig } from "wagmi";
import { simulateContract, writeContract } from "wagmi/actions";
import { useApi } from "../api/hooks";
import type { Choice, PoolRewards, RewardEpoch, Rewards } from "../api/networks";
import { epochRewardsAbi } from "../chain/abi.gen";
import { inToken, useToken } from "../chain/token";
import { useTransaction } from "../chain/transaction";
import { duration, integer, share } from "../lib/format";
import { vested } from "../lib/rewards";
import { Answered, Facts, Notice } from "./layout";
import { SendingNotice } from "./sending";
import { Table } from "./table";
import { Amount, Status, Time } from "./values";
import { Vesting } from "./vesting";

/** `path` is the beneficiary's in the API; `now` the chain's time. */
export function RewardsOf({ path, owner, now }: { path: string; owner: Address; now: number }) {
  const rewards = useApi<Rewards>(`${path}/rewards`);
  return (
    <Answered answer={rewards}>
      {({ number, pools }) =>
        pools.length === 0 ? (
          <p className="empty">The network has no pool that pays rewards.</p>
        ) : (
          pools.map((pool) => <OfPool key={pool.pool} of={pool} number={number} owner={owner} now={now} />)
        )
      }
    </Answered>
  );
}

function OfPool({ of, number, owner, now }: { of: PoolRewards; number: number; owner: Address; now: number }) {
  const { books, token } = of;
  const amount = (value: string | bigint) => <Amount of={value} token={token} />;
  const stream = { unpaid: BigInt(books.unpaid), from: books.stream_from, until: books.stream_until };
  const free = vested(stream, now);
  return (
    <div className="rewards">
      <Facts
        of={[
          ["Earned", amount(of.earned)],
          ["To be claimed", amount(of.claimable)],
          [
            "Coming free",
            stream.unpaid > 0n && (
              <>
                {amount(stream.unpaid)} until <Time at={stream.until} />
              </>
            ),
          ],
          ["Forfeited", books.forfeited !== "0" && amount(books.forfeited)],
          ["Paid out", books.collected !== "0" && amount(books.collected)],
        ]}
      />
      {of.trouble && (
        <Notice tone="bad" title="These rewards cannot be proved.">
          {of.trouble}
        </Notice>
      )}
      <Claim of={of} owner={owner} />
      <Collect of={of} number={number} free={free} owner={owner} />
      <Table
        caption="Rewards by epoch"
        columns={[
          { title: "Epoch", show: (e: RewardEpoch) => e.epoch },
          { title: "Status", show: (e) => <Status of={e.status} /> },
          { title: "Brought", show: (e) => (e.amount === null ? "–" : amount(e.amount)), number: true },
          { title: "In all", show: (e) => (e.cumulative === null ? "–" : amount(e.cumulative)), number: true },
          { title: "Why", show: (e) => <Why of={e} /> },
        ]}
        items={of.epochs.items}
        keyOf={(e) => String(e.epoch)}
        empty="No epoch is over yet."
      />
    </div>
  );
}

function Why({ of }: { of: RewardEpoch }) {
  return (
    <details>
      <summary aria-label={`Why epoch ${of.epoch} brought this`}>Why</summary>
      {of.why.map((formula) => (
        <p key={formula} className="mono wrap">
          {formula}
        </p>
      ))}
    </details>
  );
}

const wayOf = ({ amount, period }: Choice) => ({ amount: BigInt(amount), period });

function Claim({ of, owner }: { of: PoolRewards; owner: Address }) {
  const config = useConfig();
  const token = useToken(of.token);
  const { sending, send } = useTransaction();
  const [fast, setFast] = useState(false);
  const { claim, choices } = of;
  const shown = (amount: bigint) => (token ? inToken(amount, token, 4) : integer(amount));
  const done = <SendingNotice of={sending} done="It comes free from now on, evenly. Collect it when you like." />;
  // What was sent is told to its end, also when nothing is left to claim.
  if (!claim || of.claimable === "0") return done;
  const begin = () =>
    send(async (ask) => {
      const { epoch, count, number, cumulative, proof } = claim;
      const { request } = await simulateContract(config, {
        address: of.pool,
        abi: epochRewardsAbi,
        functionName: "claim",
        account: owner,
        args: [{ epoch, count, number, cumulative: BigInt(cumulative) }, proof, fast],
      });
      ask(fast ? "Confirm: part of it comes free soon, the rest goes back." : "Confirm: all of it comes free in time.");
      return writeContract(config, request);
    });
  const { slow, fast: sooner } = choices;
  return (
    <fieldset className="claim">
      <legend>Claim</legend>
      <Vesting slow={wayOf(slow)} fast={wayOf(sooner)} shown={shown} />
      <label>
        <input type="radio" name={`way-${of.pool}-${claim.number}`} checked={!fast} onChange={() => setFast(false)} />{" "}
        Slow: <Amount of={slow.amount} token={of.token} /> over {duration(slow.period)}
      </label>
      <label>
        <input type="radio" name={`way-${of.pool}-${claim.number}`} checked={fast} onChange={() => setFast(true)} />{" "}
        Fast: <Amount of={sooner.amount} token={of.token} /> ({share(sooner.share)}) over {duration(sooner.period)};{" "}
        <Amount of={sooner.forfeited} token={of.token} /> goes back to the pool
      </label>
      <button type="button" className="primary" onClick={() => void begin()}>
        {fast ? "Claim fast" : "Claim slowly"}
      </button>
      {done}
    </fieldset>
  );
}

function Collect({ of, number, free, owner }: { of: PoolRewards; number: number; free: bigint; owner: Address }) {
  const config = useConfig();
  const { sending, send } = useTransaction();
  const collect = () =>
    send(async (ask) => {
      const call = { address: of.pool, abi: epochRewardsAbi, functionName: "collect", account: owner } as const;
      const { request } = await simulateContract(config, { ...call, args: [number] });
      ask("Confirm: what has come free goes to the owner's ledger account.");
      return writeContract(config, request);
    });
  return (
    <>
      {of.books.unpaid !== "0" && (
        <p>
          Free now: <Amount of={free} token={of.token} />{" "}
          <button type="button" disabled={free === 0n} onClick={() => void collect()}>
            Collect
          </button>
        </p>
      )}
      <SendingNotice of={sending} done="It lies in your ledger account, below." />
    </>
  );
}
