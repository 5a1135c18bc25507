/** Pages are named in the fragment, so that the server has one page and every link works from anywhere. */
import { useSyncExternalStore } from "react";

export interface Route {
  page: string;
  id: string | undefined;
  /** What follows the id, such as a task's index. */
  rest: string | undefined;
  query: URLSearchParams;
}

export function parse(fragment: string): Route {
  const [path = "", query = ""] = fragment.replace(/^#\/?/, "").split("?");
  const [page = "", id, rest] = path.split("/").map(decode);
  return { page, id: id || undefined, rest: rest || undefined, query: new URLSearchParams(query) };
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

const subscribe = (changed: () => void) => {
  window.addEventListener("hashchange", changed);
  return () => window.removeEventListener("hashchange", changed);
};

export const useRoute = (): Route => parse(useSyncExternalStore(subscribe, () => window.location.hash));

export const go = (fragment: string): void => {
  window.location.hash = fragment;
};
