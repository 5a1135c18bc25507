import { useInfiniteQuery, useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import { get } from "./client";
import type { ChainEvent, Deployment, Page, Readiness } from "./types";

/** One answer of the API, read again whenever something happened on the chain. */
export const useApi = <T>(path: string) => useQuery({ queryKey: ["api", path], queryFn: () => get<T>(path) });

/** A list that grows page by page. */
export function useList<T>(path: string) {
  const separator = path.includes("?") ? "&" : "?";
  return useInfiniteQuery({
    queryKey: ["api", path, "pages"],
    queryFn: ({ pageParam }) => get<Page<T>>(pageParam ? `${path}${separator}cursor=${pageParam}` : path),
    initialPageParam: "",
    getNextPageParam: (page) => page.next,
  });
}

/** How far the index is. 503 says that it is behind, and says so in the body. */
export const useReadiness = () =>
  useQuery({
    queryKey: ["ready"],
    queryFn: () => get<Readiness>("/ready", [503]),
    refetchInterval: 4000,
    retry: false,
  });

/** What never changes while the page is open. */
export const readDeployment = () => get<Deployment>("/v1/deployment");

type Listener = (event: ChainEvent | { rollback: number }) => void;
const listeners = new Set<Listener>();

/** Calls `listener` with every event of the stream, and with rollbacks. */
export function useEvents(listener: Listener): void {
  useEffect(() => {
    listeners.add(listener);
    return () => void listeners.delete(listener);
  }, [listener]);
}

/** How long answers that the stream made old wait for more of it. */
const SETTLE_MS = 400;

/** Follows the stream for the whole page: one connection, whatever is shown. */
export function useStream(): void {
  const queries = useQueryClient();
  useEffect(() => {
    const source = new EventSource("/v1/events/stream");
    let waiting: ReturnType<typeof setTimeout> | undefined;
    const tell = (event: Parameters<Listener>[0]) => {
      for (const listener of listeners) listener(event);
      waiting ??= setTimeout(() => {
        waiting = undefined;
        void queries.invalidateQueries({ queryKey: ["api"] });
      }, SETTLE_MS);
    };
    source.onmessage = (message) => tell(JSON.parse(message.data));
    source.addEventListener("rollback", (message) => tell({ rollback: JSON.parse(message.data).block_number }));
    return () => {
      source.close();
      clearTimeout(waiting);
    };
  }, [queries]);
}
