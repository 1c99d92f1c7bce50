// The stream of snapshots, and what is remembered of it for charts.
import { useEffect, useState } from "/assets/dom.js";

/** Seconds that charts show. */
export const SECONDS = 120;

/** The last snapshot and a history of the last two minutes: `{now, history, connected}`. */
export function useLive() {
  const [state, setState] = useState({ now: null, history: [], connected: false });
  useEffect(() => {
    let source = null;
    let timer = 0;
    function listen() {
      source = new EventSource("/api/live");
      source.addEventListener("snapshot", (event) => {
        const now = JSON.parse(event.data);
        const point = { ...now, second: Date.parse(now.at) / 1000 };
        setState(({ history }) => {
          const rest = history.filter((old) => old.second > point.second - SECONDS && old.second < point.second);
          return { now, history: [...rest, point], connected: true };
        });
      });
      source.onerror = () => {
        setState((before) => ({ ...before, connected: false }));
        // The browser tries again by itself unless it was refused (503): then we do.
        if (source.readyState === EventSource.CLOSED) timer = setTimeout(listen, 3_000);
      };
    }
    listen();
    return () => {
      clearTimeout(timer);
      source.close();
    };
  }, []);
  return state;
}
