/** A licence in its network: who runs it, its uptime, its rewards; and an operator's own part. */
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import type { Address } from "viem";
import { isAddress } from "viem";
import { useConfig, usePublicClient } from "wagmi";
import { simulateContract, writeContract } from "wagmi/actions";
import { get } from "../api/client";
import { useApi } from "../api/hooks";
import type { LicenceEpoch, LicenceInNetwork, Network, Operator, Run } from "../api/networks";
import type { Page } from "../api/types";
import { licenseStakingAbi } from "../chain/abi.gen";
import type { Licence } from "../chain/licences";
import { type Transaction, useTransaction } from "../chain/transaction";
import { integer, share } from "../lib/format";
import { toldOf, toneOf } from "../lib/rewards";
import { Calendar } from "../parts/calendar";
import { Answered, Facts, Section } from "../parts/layout";
import { RewardsOf } from "../parts/rewards";
import { SendingNotice } from "../parts/sending";
import { Account, Hash } from "../parts/values";

const runBy = (run: Run | null) => (run ? `operator ${run.operator}, which keeps ${share(run.rate)}` : "nobody");

const operatorsOf = (network: Network) => `/v1/networks/${network.network}/operators`;

export function InNetwork({
  network,
  owner,
  licence,
  now,
}: {
  network: Network;
  owner: Address;
  licence: Licence;
  now: number;
}) {
  const path = `/v1/networks/${network.network}/licenses/${licence.id}`;
  const state = useApi<LicenceInNetwork>(path);
  return (
    <Answered answer={state}>
      {(is) => (
        <>
          <Facts
            of={[
              [`Run in epoch ${network.epoch}`, runBy(is.now)],
              [`From epoch ${network.epoch + 1} on`, runBy(is.next)],
            ]}
          />
          <Running delegated={is.next !== null} network={network} owner={owner} licence={licence} />
          <h4>Uptime</h4>
          <Uptime of={is.uptime} licence={licence} />
          <h4>Rewards</h4>
          <RewardsOf path={path} owner={owner} now={now} />
        </>
      )}
    </Answered>
  );
}

function Uptime({ of, licence }: { of: Page<LicenceEpoch>; licence: Licence }) {
  if (of.items.length === 0) return <p className="empty">No epoch is over yet.</p>;
  const days = of.items.map((epoch) => ({
    epoch: epoch.epoch,
    tone: toneOf(epoch),
    told:
      toldOf(epoch) +
      (epoch.stood_in_for ? `, also in place of licence ${epoch.stood_in_for}` : "") +
      (epoch.agrees === false ? "; what was posted differs" : ""),
    mark: epoch.run && epoch.assigned > 0 ? `${epoch.right}/${epoch.assigned}` : "–",
  }));
  return <Calendar label={`Uptime of licence ${licence.id}`} days={days} />;
}

interface Part {
  network: Network;
  owner: Address;
  licence: Licence;
}

/** Delegating, or ending that. One transaction is told of, to its end, whichever of the two can be done then. */
function Running({ delegated, ...part }: Part & { delegated: boolean }) {
  const { sending, send } = useTransaction();
  return (
    <>
      {delegated ? <Undelegate {...part} send={send} /> : <Delegate {...part} send={send} />}
      <SendingNotice of={sending} done="It holds from the next epoch on." />
    </>
  );
}

const takesOn = (operator: Operator) => operator.delegated_next < operator.cap && operator.banned_until === null;

/** An operator by its number; nobody is asked for an empty one. */
const useOperator = (network: Network, number: string) =>
  useQuery({
    queryKey: ["api", operatorsOf(network), number],
    enabled: number !== "",
    queryFn: () => get<Operator>(`${operatorsOf(network)}/${number}`),
  });

/** The number under which an account has registered, by the chain; empty when it has not. */
function useNumberOf(network: Network, account: Address): string {
  const client = usePublicClient();
  const { data } = useQuery({
    queryKey: ["operator number", network.license_staking, account],
    enabled: !!client,
    refetchInterval: 10_000,
    queryFn: () => {
      if (!client) throw new Error("disabled");
      const call = { address: network.license_staking, abi: licenseStakingAbi, functionName: "numberOf" } as const;
      return client.readContract({ ...call, args: [account] });
    },
  });
  return data ? String(data) : "";
}

function Delegate({ network, owner, licence, send }: Part & Pick<Transaction, "send">) {
  const config = useConfig();
  const operators = useApi<Page<Operator>>(`${operatorsOf(network)}?limit=200`);
  const [chosen, choose] = useState("");
  const offers = (operators.data?.items ?? []).filter(takesOn);
  const named = useOperator(network, offers.some((o) => String(o.number) === chosen) ? "" : chosen);
  const offer =
    offers.find((o) => String(o.number) === chosen) ?? (named.data && takesOn(named.data) ? named.data : undefined);
  const delegate = () =>
    send(async (ask) => {
      if (!offer) throw new Error("Choose an operator.");
      const { request } = await simulateContract(config, {
        address: network.license_staking,
        abi: licenseStakingAbi,
        functionName: "delegate",
        account: owner,
        args: [[licence.id], offer.number, offer.rate],
      });
      ask(`Confirm: operator ${offer.number} runs the licence from the next epoch on, and keeps ${share(offer.rate)}.`);
      return writeContract(config, request);
    });
  return (
    <details>
      <summary>Let somebody run it</summary>
      <form className="inline" onSubmit={(event) => event.preventDefault()}>
        <label className="field">
          <span>Operator</span>
          <select value={chosen} onChange={(event) => choose(event.target.value)}>
            <option value="">Choose one</option>
            {[...offers, ...(offer && !offers.includes(offer) ? [offer] : [])].map((o) => (
              <option key={o.number} value={o.number}>
                {`No. ${o.number}: keeps ${share(o.rate)}, ${integer(o.delegated_next)} of ${integer(o.cap)} licences`}
              </option>
            ))}
          </select>
        </label>
        {operators.data?.next != null && (
          <label className="field">
            <span>Or its number</span>
            <input
              inputMode="numeric"
              autoComplete="off"
              value={chosen}
              onChange={(event) => choose(event.target.value.replace(/\D/g, ""))}
            />
          </label>
        )}
        <button type="submit" className="primary" disabled={!offer} onClick={() => void delegate()}>
          Delegate
        </button>
      </form>
      {named.error && <p role="status">There is no operator {chosen}.</p>}
      {named.data && !offer && <p role="status">Operator {chosen} takes on no licences now.</p>}
      {operators.data?.next === null && offers.length === 0 && (
        <p className="dim">No operator takes on licences now.</p>
      )}
    </details>
  );
}

function Undelegate({ network, owner, licence, send }: Part & Pick<Transaction, "send">) {
  const config = useConfig();
  const end = () =>
    send(async (ask) => {
      const { request } = await simulateContract(config, {
        address: network.license_staking,
        abi: licenseStakingAbi,
        functionName: "undelegate",
        account: owner,
        args: [[licence.id]],
      });
      ask("Confirm: nobody runs the licence from the next epoch on.");
      return writeContract(config, request);
    });
  return (
    <>
      <button type="button" onClick={() => void end()}>
        End the delegation
      </button>
      <p className="dim">{`Then it rests for ${integer(network.terms.thaw_epochs)} epochs and earns nothing.`}</p>
    </>
  );
}

/** What the connected account does as an operator, if it is one. */
export function AsOperator({ network, owner, now }: { network: Network; owner: Address; now: number }) {
  const mine = useOperator(network, useNumberOf(network, owner)).data;
  if (!mine) return null;
  return (
    <Section title={`You as operator ${mine.number}`}>
      <Facts
        of={[
          ["You keep", share(mine.rate)],
          ["Licences", `${integer(mine.delegated_next)} of ${integer(mine.cap)}`],
          ["Attesting key", mine.key ? <Account of={mine.key} /> : "none"],
          ["From the next epoch on", mine.key_next ? <Hash of={mine.key_next} /> : "none"],
          ["Banned", mine.banned_until === null ? "no" : `until epoch ${mine.banned_until}`],
        ]}
      />
      <Key network={network} owner={owner} />
      <RewardsOf path={`/v1/networks/${network.network}/operators/${mine.number}`} owner={owner} now={now} />
    </Section>
  );
}

function Key({ network, owner }: { network: Network; owner: Address }) {
  const config = useConfig();
  const { sending, send } = useTransaction();
  const [key, setKey] = useState("");
  const set = () =>
    send(async (ask) => {
      if (!isAddress(key)) throw new Error("That is no address.");
      const { request } = await simulateContract(config, {
        address: network.license_staking,
        abi: licenseStakingAbi,
        functionName: "setKey",
        account: owner,
        args: [key],
      });
      ask("Confirm: this key attests for you from the next epoch on, and can do nothing else.");
      return writeContract(config, request);
    });
  return (
    <details>
      <summary>Change the attesting key</summary>
      <form className="inline" onSubmit={(event) => event.preventDefault()}>
        <label className="field">
          <span>Key's address</span>
          <input
            className="mono"
            placeholder="0x…"
            spellCheck={false}
            autoComplete="off"
            value={key}
            onChange={(event) => setKey(event.target.value.trim())}
          />
        </label>
        <button type="submit" className="primary" disabled={!isAddress(key)} onClick={() => void set()}>
          Set the key
        </button>
      </form>
      <SendingNotice of={sending} done="It attests from the next epoch on." />
    </details>
  );
}
