// The waiting room: join, see how it goes, be let in, leave. The token that it gives opens what the queue guards.
import { html, useEffect, useState } from "/assets/dom.js";
import { Problem, call, encode, get, post } from "/assets/api.js";
import { Badge, Field, Panel, duration, left, number, useAct, useNow, useOnce, useSaid } from "/assets/parts.js";
import { has, t } from "/assets/words.js";

const TONES = { ACTIVE: "good", ENDED: "bad" };

/** Follows a ticket: over the stream, and by asking when there is none. */
function useTicket(token, first) {
  const [ticket, setTicket] = useState(first);
  useEffect(() => {
    setTicket(first);
    if (!token) return undefined;
    let timer = 0;
    let over = false;
    let source = null;
    async function ask() {
      let next = 2_000;
      try {
        const answer = await get("/api/queue/status", { bearer: token });
        if (!over) setTicket((before) => ({ ...before, ...answer }));
        next = answer.pollAfterMs ?? next;
        if (answer.status === "ENDED") return;
      } catch (problem) {
        if (problem instanceof Problem && [401, 404].includes(problem.status)) return;
        next = problem.retryAfterMs ?? 3_000;
      }
      if (!over) timer = setTimeout(ask, next);
    }
    source = new EventSource(`/api/queue/stream?token=${encode(token)}`);
    source.onmessage = (event) => {
      const told = JSON.parse(event.data);
      setTicket((before) => ({ ...before, activeUntil: undefined, ...told }));
      if (told.status === "ENDED") source.close();
    };
    // A stream that was refused is not tried again by the browser: then we ask.
    source.onerror = () => {
      if (source.readyState === EventSource.CLOSED && !over) ask();
    };
    return () => {
      over = true;
      clearTimeout(timer);
      source.close();
    };
  }, [token, first]);
  return ticket;
}

export function Queue({ user, token, setToken, done }) {
  const [queueId, setQueueId] = useState("schedule_456");
  const [joined, setJoined] = useState(null);
  const ticket = useTicket(token, joined);
  const now = useNow(500);
  const [line, tell] = useSaid();
  const [run, busy] = useAct(tell);
  const once = useOnce();

  const join = () => run(async () => {
    const body = { userId: user, queueId };
    const answer = await once(body, (key) => post("/api/queue/token", body, { key }));
    setJoined(answer);
    setToken(answer.token);
    done();
    return t("queue.joined");
  });
  const leave = () => run(async () => {
    await call("DELETE", "/api/queue/token", { bearer: token });
    setToken("");
    setJoined(null);
    done();
    return t("queue.left");
  });
  const status = ticket?.status;
  const worded = status && (has(`ticket.${status}`) ? t(`ticket.${status}`) : status);
  const isIn = token && status && status !== "ENDED";
  return html`<${Panel} title=${t("queue")}>
    <form class="row" onSubmit=${(event) => { event.preventDefault(); join(); }}>
      <${Field} label=${t("queue.id")} value=${queueId} onInput=${setQueueId} />
      <button type="submit" disabled=${busy || isIn}>${t("queue.join")}</button>
      ${isIn && html`<button type="button" disabled=${busy} onClick=${leave}>${t("queue.leave")}</button>`}
    </form>
    ${ticket && token && html`<dl class="pairs" aria-live="polite">
      <dt>${t("state")}</dt><dd><${Badge} tone=${TONES[status] ?? "warn"}>${worded}</${Badge}>${ticket.reason && html` <span class="note">${has(`reason.${ticket.reason}`) ? t(`reason.${ticket.reason}`) : ticket.reason}</span>`}</dd>
      ${["WAITING", "PRE_QUEUE"].includes(status) && html`
        <dt>${t("queue.position")}</dt><dd class="figure">${number(ticket.queuePosition)}</dd>
        <dt>${t("queue.wait")}</dt><dd>${ticket.estimatedWaitTime === undefined || ticket.estimatedWaitTime === null ? "–" : t("about", { time: duration(ticket.estimatedWaitTime * 1000) })}</dd>`}
      ${status === "ACTIVE" && ticket.activeUntil && html`<dt>${t("queue.until")}</dt><dd class="figure"><span role="timer">${left(ticket.activeUntil, now)}</span></dd>`}
    </dl>`}
    ${!token && html`<p class="note">${t("queue.hint")}</p>`}
    ${line}
  </${Panel}>`;
}
