// What is sold: the seats of a schedule, coupons and time sales.
import { html, useState } from "/assets/dom.js";
import { encode } from "/assets/api.js";
import { usePolled } from "/assets/poll.js";
import { Bar, Choice, Field, Panel, Table, Trouble, number, useNow } from "/assets/parts.js";
import { SeatMap } from "/assets/seatmap.js";
import { t } from "/assets/words.js";

/** A page of seats that an operator can take in; of a larger house the first. */
const LIMIT = 600;

export function Seats() {
  const now = useNow();
  const schedules = usePolled("/api/schedules", 10_000).data?.schedules ?? [];
  const [wanted, setWanted] = useState("");
  const chosen = wanted || schedules[0]?.scheduleId || "";
  const seats = usePolled(chosen && `/api/schedules/${encode(chosen)}/seats?limit=${LIMIT}`, 1_000);
  const map = seats.data;
  return html`<${Panel} title=${t("seats")} wide id="seats">
    ${schedules.length === 0 && html`<p class="empty">${t("schedules.none")}</p>`}
    ${schedules.length > 0 && html`<${Choice} shown label=${t("schedule")} value=${chosen} onChange=${setWanted}
      options=${schedules.map((s) => [s.scheduleId, `${s.concertTitle} (${s.scheduleId})`])} />`}
    <${Trouble} problem=${seats.problem} />
    ${map && html`
      <p class="counts">
        <span><b>${number(map.available)}</b> ${t("seat.AVAILABLE")}</span>
        <span><b>${number(map.temporaryReserved)}</b> ${t("seat.TEMPORARY_RESERVED")}</span>
        <span><b>${number(map.reserved)}</b> ${t("seat.RESERVED")}</span>
        <span class="note">${t("of", { n: number(map.capacity) })}</span>
      </p>
      <${Bar} label=${t("seats.taken")} value=${map.capacity - map.available} total=${map.capacity} />
      <${SeatMap} map=${map} now=${now} />`}
  </${Panel}>`;
}

export function Stock() {
  const policies = usePolled("/api/coupons/policies", 1_000);
  const [sale, setSale] = useState("1");
  const shown = usePolled(sale && `/api/timesales/${encode(sale)}`, 1_000);
  const line = (name, left, total) => [
    name,
    number(left),
    number(total),
    html`<${Bar} label=${t("stock.left", { name })} value=${left} total=${total} />`,
  ];
  const columns = [[t("stock.what")], [t("stock.remaining"), "num"], [t("stock.total"), "num"], [t("stock.bar")]];
  const list = policies.data?.policies ?? [];
  return html`<${Panel} title=${t("stock")}>
    <h3>${t("coupons")}</h3>
    <${Trouble} problem=${policies.problem} />
    <${Table} caption=${t("coupons")} columns=${columns} empty=${t("coupons.none")}
      rows=${list.slice(0, 20).map((p) => line(`${p.title} (${p.policyId})`, p.remaining, p.totalQuantity))} />
    <h3>${t("timesale")}</h3>
    <${Field} label=${t("timesale.id")} value=${sale} onInput=${setSale} />
    <${Table} caption=${t("timesale")} columns=${columns} empty=${t("timesale.none")}
      rows=${shown.data ? [line(`${shown.data.title} (${shown.data.timeSaleId})`, shown.data.remaining, shown.data.totalQuantity)] : []} />
  </${Panel}>`;
}
