// The worker itself: what is behind, who owns what, what is told outside, what is wrong.
import { html } from "/assets/dom.js";
import { usePolled } from "/assets/poll.js";
import { Badge, Panel, Table, clockTime, duration, measured, number } from "/assets/parts.js";
import { has, t } from "/assets/words.js";

const worded = (prefix, key) => (has(`${prefix}.${key}`) ? t(`${prefix}.${key}`) : key);

export function Alerts({ alerts }) {
  const firing = alerts.filter((alert) => alert.state === "FIRING");
  const over = alerts.filter((alert) => alert.state !== "FIRING");
  // Always there, so that a reader of the screen hears of the first one.
  return html`<section class="alerts" aria-label=${t("alerts")} aria-live="assertive">
    ${firing.map((alert) => html`<p class="alert" key=${alert.alert + JSON.stringify(alert.labels)}>
      <${Badge} tone="bad">${alert.alert}</${Badge}> <span>${alert.summary}</span>
      <span class="note">${t("since", { at: clockTime(alert.since) })}</span></p>`)}
    ${over.length > 0 && html`<details><summary>${t("alerts.over", { n: over.length })}</summary>
      <ul>${over.map((alert) => html`<li>${clockTime(alert.at)} ${alert.alert}: ${alert.summary}</li>`)}</ul></details>`}
  </section>`;
}

export function Topologies({ now }) {
  const rows = now.topologies.map((topology) => [
    topology.name,
    measured(topology.decisions.perSecond),
    number(topology.decisions.total),
    number(topology.lag.records),
    duration(topology.lag.ms),
    number(topology.deadLetters),
  ]);
  const columns = [[t("topology")], [t("perSecond"), "num"], [t("decided"), "num"], [t("lag"), "num"], [t("oldest"), "num"], [t("letters"), "num"]];
  return html`<${Panel} title=${t("topologies")} note=${t("thisReplica")}>
    <${Table} caption=${t("topologies")} columns=${columns} rows=${rows} />
  </${Panel}>`;
}

const TONES = { running: "good", restoring: "warn", claiming: "warn", unowned: "bad", unknown: "" };

export function Places({ now }) {
  // What owners elsewhere say of their places: the stream knows the owner only.
  const elsewhere = now.places.some((place) => !place.here);
  const told = usePolled(elsewhere ? "/api/places" : null, 3_000);
  const toldBy = new Map((told.data?.places ?? []).map((place) => [place.place, place]));
  const rows = now.places.map((place) => {
    const state = place.here ? place.state : toldBy.get(place.place)?.state ?? place.state;
    const tasks = place.here ? place.tasks : toldBy.get(place.place)?.tasks ?? [];
    const running = tasks.filter((task) => task.state === "running").length;
    const restoring = tasks.find((task) => task.restore);
    return [
      place.place,
      html`<span class="name" title=${place.endpoint}>${place.worker ?? "–"}</span>${place.here && html` <span class="note">${t("here")}</span>`}`,
      html`<${Badge} tone=${TONES[state]}>${worded("place", state)}</${Badge}>`,
      restoring ? t("place.left", { n: number(restoring.restore.remaining) }) : `${running} / ${tasks.length}`,
    ];
  });
  const columns = [[t("place"), "num"], [t("owner")], [t("state")], [t("tasks"), "num"]];
  return html`<${Panel} title=${t("places")}>
    <${Table} caption=${t("places")} columns=${columns} rows=${rows} />
    <h3>${t("takeovers")}</h3>
    <div role="log">
      ${now.takeovers.length === 0 && html`<p class="empty">${t("takeovers.none")}</p>`}
      <ol class="lines" tabindex="0" aria-label=${t("takeovers")}>${now.takeovers.map((taken) => html`<li key=${taken.at + taken.place}>
        <span class="at">${clockTime(taken.at)}</span> ${t("takeover", { place: taken.place, from: taken.from, to: taken.to })}</li>`)}</ol>
    </div>
  </${Panel}>`;
}

const BREAKERS = { CLOSED: "good", HALF_OPEN: "warn", OPEN: "bad" };

export function Channels({ now }) {
  const rows = now.channels.map((channel) => {
    const ended = Object.entries(channel.ended).map(([how, n]) => `${worded("ended", how)} ${number(n)}`).join(", ");
    return [
      channel.channel,
      html`<${Badge} tone=${BREAKERS[channel.breaker]}>${t(`breaker.${channel.breaker}`)}</${Badge}>`,
      measured(channel.calls.perSecond),
      duration(channel.p99Ms),
      `${number(channel.inFlight)} / ${number(channel.buffered)}`,
      ended || "–",
    ];
  });
  const columns = [[t("channel")], [t("breaker")], [t("perSecond"), "num"], ["p99", "num"], [t("inFlight"), "num"], [t("ended")]];
  return html`<${Panel} title=${t("channels")} note=${t("thisReplica")}>
    <${Table} caption=${t("channels")} columns=${columns} rows=${rows} empty=${t("channels.none")} />
  </${Panel}>`;
}

export function Routes({ now }) {
  const rows = now.routes.map((route) => [
    html`<span class="name">${route.method} ${route.route}</span>`,
    measured(route.perSecond),
    duration(route.p50Ms),
    duration(route.p99Ms),
  ]);
  const columns = [[t("route")], [t("perSecond"), "num"], ["p50", "num"], ["p99", "num"]];
  return html`<${Panel} title=${t("routes")} note=${t("lastSecond")}>
    <${Table} caption=${t("routes")} columns=${columns} rows=${rows} empty=${t("routes.none")} />
  </${Panel}>`;
}
