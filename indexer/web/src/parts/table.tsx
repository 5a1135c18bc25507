import type { ReactNode } from "react";
import { useList } from "../api/hooks";
import { Failure, Loading } from "./layout";

export interface Column<T> {
  title: string;
  show: (item: T) => ReactNode;
  number?: boolean;
}

/** Rows become cards where a table would not fit, each value with its column's title. */
export function Table<T>({
  caption,
  columns,
  items,
  keyOf,
  empty = "None yet.",
}: {
  caption: string;
  columns: Column<T>[];
  items: T[];
  keyOf: (item: T, index: number) => string;
  empty?: ReactNode;
}) {
  if (items.length === 0) return <p className="empty">{empty}</p>;
  return (
    <table>
      <caption className="hidden">{caption}</caption>
      <thead>
        <tr>
          {columns.map(({ title, number }) => (
            <th key={title} scope="col" className={number ? "number" : undefined}>
              {title}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {items.map((item, index) => (
          <tr key={keyOf(item, index)}>
            {columns.map(({ title, show, number }) => (
              <td key={title} data-title={title} className={number ? "number" : undefined}>
                {show(item)}
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** A list of the API that grows page by page. */
export function List<T>({ path, ...table }: { path: string } & Omit<Parameters<typeof Table<T>>[0], "items">) {
  const list = useList<T>(path);
  if (!list.data) return list.error ? <Failure error={list.error} /> : <Loading />;
  return (
    <>
      <Table {...table} items={list.data.pages.flatMap((page) => page.items)} />
      {list.hasNextPage && (
        <button type="button" disabled={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>
          More
        </button>
      )}
    </>
  );
}
