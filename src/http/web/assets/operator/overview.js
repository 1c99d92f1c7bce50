// The figures that tell first whether the sale goes well.
import { html } from "/assets/dom.js";
import { Chart } from "/assets/chart.js";
import { Tile, duration, measured, number } from "/assets/parts.js";
import { t } from "/assets/words.js";

export function Overview({ now, history, look }) {
  const { requests, decisions, lag, expiries, deadLetters, commits } = now;
  const writes = requests.writes;
  const latest = [...history].reverse().find((point) => point.expiries.latestMs !== undefined)?.expiries.latestMs;
  const charts = { history, ...look };
  const rate = (value) => `${measured(value)} ${t("perSecond")}`;
  return html`
    <section aria-label=${t("overview")}>
      <dl class="tiles">
        <${Tile} label=${t("tile.requests")} value=${measured(requests.perSecond)} unit=${t("perSecond")}
          note=${t("tile.requests.note", { refused: measured(requests.refused.perSecond), failed: measured(requests.failed.perSecond) })}
          tone=${requests.failed.perSecond > 0 ? "bad" : ""} />
        <${Tile} label=${t("tile.decisions")} value=${measured(decisions.perSecond)} unit=${t("perSecond")}
          note=${t("total", { n: number(decisions.total) })} />
        <${Tile} label=${t("tile.writes")} value=${measured(writes?.p99Ms)} unit="ms"
          note=${writes ? t("tile.writes.note", { p50: measured(writes.p50Ms), p95: measured(writes.p95Ms) }) : t("idle")} />
        <${Tile} label=${t("tile.commit")} value=${measured(commits.took?.p99Ms)} unit="ms"
          note=${`${measured(commits.perSecond)} ${t("perSecond")}`} />
        <${Tile} label=${t("tile.lag")} value=${number(lag.records)} unit=${t("records")}
          note=${t("tile.lag.note", { age: duration(lag.ms) })} tone=${lag.ms >= 5_000 ? "bad" : ""} />
        <${Tile} label=${t("tile.expiries")} value=${number(expiries.total)}
          note=${latest === undefined ? t("tile.expiries.none") : t("tile.expiries.note", { late: duration(latest) })}
          tone=${expiries.early > 0 ? "bad" : ""} />
        <${Tile} label=${t("tile.letters")} value=${number(deadLetters.total)} note=${t("sinceStart")}
          tone=${deadLetters.total > 0 ? "warn" : ""} />
        <${Tile} label=${t("tile.connections")} value=${number(requests.connections)}
          note=${t("tile.connections.note", { max: number(requests.connectionsMax) })}
          tone=${requests.connections > requests.connectionsMax * 0.75 ? "warn" : ""} />
      </dl>
      <div class="charts">
        <${Chart} ...${charts} label=${t("chart.rates", { requests: rate(requests.perSecond), decisions: rate(decisions.perSecond) })}
          lines=${[
            [t("chart.requests"), "--line-a", (point) => point.requests.perSecond],
            [t("chart.decisions"), "--line-b", (point) => point.decisions.perSecond],
          ]} />
        <${Chart} ...${charts} label=${t("chart.latency", { p50: measured(writes?.p50Ms), p99: measured(writes?.p99Ms) })}
          lines=${[
            [t("chart.p50"), "--line-a", (point) => point.requests.writes?.p50Ms],
            [t("chart.p99"), "--line-b", (point) => point.requests.writes?.p99Ms],
          ]} />
        <${Chart} ...${charts} label=${t("chart.behind", { lag: number(lag.records), late: duration(latest) })}
          lines=${[
            [t("chart.lag"), "--line-a", (point) => point.lag.ms],
            [t("chart.late"), "--line-b", (point) => point.expiries.latestMs, true],
          ]} />
      </div>
    </section>`;
}
