// The waiting room and the rankings. A worker that does not run them answers 404: then that is said.
import { html, useRef, useState } from "/assets/dom.js";
import { encode } from "/assets/api.js";
import { usePolled } from "/assets/poll.js";
import { Choice, Field, Panel, Table, Trouble, duration, measured, number } from "/assets/parts.js";
import { has, t } from "/assets/words.js";

const worded = (prefix, key) => (has(`${prefix}.${key}`) ? t(`${prefix}.${key}`) : key);

/** The number under any of these names, on the top or in `counts`. */
function of(queue, ...names) {
  for (const name of names) {
    const value = queue[name] ?? queue.counts?.[name];
    if (typeof value === "number") return value;
  }
  return null;
}

/** How many were admitted a second, seen from here over the last ten looks. */
function useRate(key, total) {
  const seen = useRef({ key: "", points: [] });
  if (seen.current.key !== key) seen.current = { key, points: [] };
  const points = seen.current.points;
  const now = performance.now();
  if (total !== null && (points.length === 0 || now - points[points.length - 1][0] > 900)) {
    points.push([now, total]);
    if (points.length > 11) points.shift();
  }
  if (points.length < 2) return null;
  const [first, last] = [points[0], points[points.length - 1]];
  return ((last[1] - first[1]) * 1000) / (last[0] - first[0]);
}

export function WaitingRoom() {
  const [id, setId] = useState("schedule_456");
  const shown = usePolled(id && `/api/queues/${encode(id)}`, 1_000);
  const queue = shown.data;
  const admitted = queue ? of(queue, "admitted", "admittedTotal") : null;
  const rate = useRate(id, admitted);
  return html`<${Panel} title=${t("queue")} id="queue">
    <${Field} label=${t("queue.id")} value=${id} onInput=${setId} />
    <${Trouble} problem=${shown.problem} />
    ${shown.missing && html`<p class="empty">${t("queue.none")}</p>`}
    ${queue && html`<dl class="pairs">
      <dt>${t("state")}</dt><dd>${worded("queue", queue.state ?? queue.status ?? "OPEN")}</dd>
      <dt>${t("queue.waiting")}</dt><dd>${number(of(queue, "waiting"))}</dd>
      <dt>${t("queue.active")}</dt><dd>${number(of(queue, "active"))} / ${number(queue.maxActive)}</dd>
      <dt>${t("queue.admitted")}</dt><dd>${number(admitted)}</dd>
      <dt>${t("queue.rate")}</dt><dd>${measured(rate)} / ${number(queue.admitPerSecond)} ${t("perSecond")}</dd>
      ${queue.activeMs && html`<dt>${t("queue.activeMs")}</dt><dd>${duration(queue.activeMs)}</dd>`}
    </dl>`}
  </${Panel}>`;
}

export function Rankings() {
  const [span, setSpan] = useState("all");
  const popular = usePolled(`/api/rankings/popular?limit=10&window=${span}`, 3_000);
  const soldOut = usePolled("/api/rankings/sold-out?limit=10", 5_000);
  const title = (item) => html`<span class="name">${item.rank}. ${item.concertTitle ?? item.scheduleId}</span>`;
  return html`<${Panel} title=${t("rankings")}>
    ${popular.missing && soldOut.missing
      ? html`<p class="empty">${t("rankings.none")}</p>`
      : html`
        <${Choice} shown label=${t("window")} value=${span} onChange=${setSpan}
          options=${["all", "1h", "24h", "7d"].map((key) => [key, t(`window.${key}`)])} />
        <${Table} caption=${t("rankings.popular")} columns=${[[t("rankings.popular")], [t("schedule")], [t("sold"), "num"]]}
          rows=${(popular.data?.items ?? []).map((item) => [title(item), item.scheduleId, number(item.count)])} />
        <${Table} caption=${t("rankings.soldOut")} columns=${[[t("rankings.soldOut")], [t("schedule")], [t("took"), "num"]]}
          rows=${(soldOut.data?.items ?? []).map((item) => [title(item), item.scheduleId, duration(item.soldOutMs)])} />`}
  </${Panel}>`;
}
