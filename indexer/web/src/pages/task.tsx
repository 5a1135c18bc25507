/** One task: what the chain knows of it, and its proof, which this page checks itself. */
import { useQuery } from "@tanstack/react-query";
import { type Hex, TransactionReceiptNotFoundError } from "viem";
import { usePublicClient } from "wagmi";
import { useApi } from "../api/hooks";
import type { Batch, Task } from "../api/types";
import { useDeployment } from "../chain/config";
import { integer } from "../lib/format";
import { batchId, rootFrom, rowRoot, taskLeaf } from "../lib/merkle";
import { disputeColumns, testimonyColumns } from "../parts/columns";
import { Answered, Facts, Notice, Page, Section } from "../parts/layout";
import { Table } from "../parts/table";
import { Account, Hash, Id, Status } from "../parts/values";
import { useStakeToken } from "./lists";

/** Reads /v1/batches/{id}/tasks/{index}. */
export function TaskPage({ batch, index }: { batch: string; index: string }) {
  const task = useApi<Task>(`/v1/batches/${batch}/tasks/${index}`);
  const committed = useApi<Batch>(`/v1/batches/${batch}`);
  return (
    <Page title={`Task ${index}`}>
      <Answered answer={task}>
        {(t) => (
          <>
            <Facts
              of={[
                [
                  "Batch",
                  <>
                    <Id kind="batches" id={t.batch_id} /> <Status of={t.status} />
                  </>,
                ],
                ["Order", <Id kind="orders" id={t.order_id} />],
                ["Provider", <Account of={t.provider} />],
                ["Units", `${integer(t.units)}, after ${integer(t.units_before)} of the batch's other tasks`],
                ["Input hash", <Hash of={t.input_hash} whole />],
                ["Output hash", <Hash of={t.output_hash} whole />],
                ["Committed in", t.audit && <Hash of={t.audit.commit_transaction} whole />],
              ]}
            />
            <Answered answer={committed}>{(b) => <Proof task={t} batch={b} />}</Answered>
            {t.audit && <Audit of={t.audit} />}
            {t.output && (
              <Section title="Output">
                <textarea className="bytes mono" aria-label="Output, as bytes" readOnly rows={5} value={t.output} />
              </Section>
            )}
          </>
        )}
      </Answered>
    </Page>
  );
}

/**
 * Recomputes leaf, path and root from the task's fields, and the batch's id from its root and its other fields: the id is all that
 * the chain keeps of a batch, and it stands in this page's address.
 */
function Proof({ task: t, batch }: { task: Task; batch: Batch }) {
  const { chain_id: chainId } = useDeployment();
  const leaf = taskLeaf({
    chainId,
    orderId: t.order_id,
    provider: t.provider,
    index: t.index,
    inputHash: t.input_hash,
    outputHash: t.output_hash,
    unitsBefore: t.units_before,
    units: t.units,
  });
  const { siblings } = t.proof;
  const position = t.index - batch.first;
  const root = rootFrom(leaf, position, batch.count, siblings);
  const holds = root === batch.root && batchId(batch) === batch.batch_id;
  const onChain = useCommitOnChain(batch);
  const outputFits = t.output === undefined || rowRoot(t.output) === t.output_hash;
  return (
    <Section title="Proof">
      {holds ? (
        <Notice
          tone={onChain === "missing" ? "bad" : "good"}
          title="Checked in this browser: the task is part of what the provider committed to."
        >
          Its fields, hashed here, lead through {integer(siblings.length)} of its tree to the committed root, and the
          batch with that root to its id. {ON_CHAIN[onChain]}
        </Notice>
      ) : (
        <Notice tone="bad" title="This proof does not hold: the task shown is not what the provider committed to.">
          Its fields, hashed here, lead to {wrongEnd(root, batch)}. Do not rely on it, nor on the server that served it.
        </Notice>
      )}
      {!outputFits && (
        <Notice tone="bad" title="The output below is not the one that was committed.">
          It hashes to another value than the output hash.
        </Notice>
      )}
      <Facts
        of={[
          ["Leaf, computed", <Hash of={leaf} whole />],
          ["Leaf, as served", leaf !== t.proof.leaf && <Hash of={t.proof.leaf} whole />],
          ["Position", `${integer(position + 1)} of ${integer(batch.count)}`],
          [
            "Siblings",
            siblings.length > 0 && (
              <ol className="hashes">
                {siblings.map((hash) => (
                  <li key={hash}>
                    <Hash of={hash} whole />
                  </li>
                ))}
              </ol>
            ),
          ],
          ["Root, computed", root && <Hash of={root} whole />],
          ["Root, committed", <Hash of={batch.root} whole />],
        ]}
      />
    </Section>
  );
}

const ON_CHAIN = {
  found: "The transaction that committed it, read from the chain, names this id.",
  missing:
    "But the chain does not show this id in the transaction that is said to have committed it: do not rely on it.",
  unread: "Whether the chain knows this id was not read.",
};

/** Whether the escrow's event in the commit's transaction names the batch. */
function useCommitOnChain(batch: Batch): keyof typeof ON_CHAIN {
  const client = usePublicClient();
  const { suite } = useDeployment();
  const receipt = useQuery({
    queryKey: ["receipt", client?.chain.id, batch.commit_transaction],
    enabled: !!client,
    retry: 1,
    queryFn: () => client?.getTransactionReceipt({ hash: batch.commit_transaction }),
  });
  if (receipt.error instanceof TransactionReceiptNotFoundError) return "missing";
  if (!receipt.data) return "unread";
  const escrow = String(suite.jobEscrow).toLowerCase();
  const named = receipt.data.logs.some(
    ({ address, topics }) => address.toLowerCase() === escrow && topics[2] === batch.batch_id,
  );
  return named ? "found" : "missing";
}

/** Where a proof that does not hold ends. */
function wrongEnd(root: Hex | null, batch: Batch): string {
  if (!root) return "no root, since the number of hashes is wrong";
  return root === batch.root ? "a root that another batch has" : "another root";
}

function Audit({ of: audit }: { of: NonNullable<Task["audit"]> }) {
  const stake = useStakeToken();
  const drawn = { true: "yes: validators re-execute it", false: "no", null: "not known yet" }[`${audit.drawn}`];
  return (
    <Section title="Audit trail">
      <Facts
        of={[
          ["Draw", audit.draw ? <Status of={audit.draw} /> : "nothing of this batch is drawn"],
          ["Drawn", audit.draw && drawn],
          ["Provider's answer", audit.answer && <Hash of={audit.answer} whole />],
          ["Dispute lost", audit.lost && "a dispute over this task was won against the provider"],
        ]}
      />
      {audit.testimonies.length > 0 && (
        <Table
          caption="What validators and provider said"
          columns={testimonyColumns(stake)}
          items={audit.testimonies}
          keyOf={(t) => t.party}
        />
      )}
      {audit.disputes.length > 0 && (
        <Table
          caption="Disputes over the task"
          columns={disputeColumns(stake)}
          items={audit.disputes}
          keyOf={(d) => d.dispute_id}
        />
      )}
    </Section>
  );
}
