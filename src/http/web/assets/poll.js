// What the API has is asked for again and again, but not by a page that nobody looks at.
import { useCallback, useEffect, useRef, useState } from "/assets/dom.js";
import { Problem, get } from "/assets/api.js";

/**
 * The answer of `path`, asked for every `everyMs`: `{data, problem, missing, reload}`.
 * `missing` says that there is no such thing here (404, or a worker that does not have the feature): it is asked for less often.
 */
export function usePolled(path, everyMs, options) {
  const [state, setState] = useState({ data: null, problem: null, missing: false });
  const ask = useRef(() => {});
  const bearer = options?.bearer;
  useEffect(() => {
    if (!path) {
      setState({ data: null, problem: null, missing: false });
      return undefined;
    }
    let timer = 0;
    let over = false;
    let under = null;
    async function turn() {
      clearTimeout(timer);
      under?.abort();
      const mine = (under = new AbortController());
      let next = everyMs;
      if (!document.hidden) {
        try {
          const data = await get(path, { bearer, signal: mine.signal });
          if (!over && under === mine) setState({ data, problem: null, missing: false });
        } catch (problem) {
          if (over || problem.name === "AbortError") return;
          const missing = problem instanceof Problem && (problem.status === 404 || problem.status === 501);
          setState((before) => ({ data: missing ? null : before.data, problem: missing ? null : problem, missing }));
          if (missing) next = Math.max(everyMs, 10_000);
        }
      }
      if (!over && under === mine) timer = setTimeout(turn, next);
    }
    const seen = () => !document.hidden && turn();
    ask.current = turn;
    document.addEventListener("visibilitychange", seen);
    turn();
    return () => {
      over = true;
      under?.abort();
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", seen);
    };
  }, [path, everyMs, bearer]);
  const reload = useCallback(() => ask.current(), []);
  return { ...state, reload };
}
