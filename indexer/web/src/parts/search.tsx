import { useState } from "react";
import { go } from "../route";
import type { Kind } from "./values";

const BY_HASH: Kind[] = ["orders", "batches", "models", "disputes"];

/** An address is an account; of 32 bytes, the first that exists; with an index behind it, a task. */
async function find(text: string): Promise<string | null> {
  const [id = "", index] = text.split(/[/#\s]+/);
  if (/^(0x)?[0-9a-f]{40}$/i.test(id)) return `#/accounts/${id}`;
  for (const kind of BY_HASH) {
    const response = await fetch(`/v1/${kind}/${encodeURIComponent(id)}`).catch(() => null);
    if (!response?.ok) continue;
    if (index === undefined) return `#/${kind}/${id}`;
    if (kind === "batches") return `#/batches/${id}/${index}`;
    if (kind === "orders") {
      const task = await fetch(`/v1/orders/${id}/tasks/${index}`).catch(() => null);
      if (task?.ok) return `#/batches/${(await task.json()).batch_id}/${index}`;
    }
  }
  return null;
}

export function Search() {
  const [text, setText] = useState("");
  const [missing, setMissing] = useState(false);
  const submit = async () => {
    const found = text.trim() && (await find(text.trim()));
    setMissing(!found);
    if (found) go(found);
  };
  return (
    <search>
      <form
        className="search"
        onSubmit={(event) => {
          event.preventDefault();
          void submit();
        }}
      >
        <input
          type="search"
          aria-label="Find an order, batch, model, dispute, account, or a task by its order or batch and number"
          placeholder="Find 0x… or 0x…/task"
          autoComplete="off"
          spellCheck={false}
          value={text}
          onChange={(event) => {
            setText(event.target.value);
            setMissing(false);
          }}
        />
        <span role="status" className="search-missing">
          {missing && "Nothing has that name."}
        </span>
      </form>
    </search>
  );
}
