// Bursts that this page makes itself, in sample mode: a few hundred requests from one browser, as buyers would send them. What they came to is counted here
// and compared with what the worker says afterwards. For real load there is `stream-worker load`.
import { html, useState } from "/assets/dom.js";
import { Problem, call, encode, get, wish } from "/assets/api.js";
import { Panel, number, useAct, useSaid } from "/assets/parts.js";
import { t } from "/assets/words.js";

/** A browser opens six connections to a host, and one of them is the stream of this page. */
const AT_ONCE = 5;
const BUYERS = 300;
const SEAT_HUNTERS = 100;

/** Runs `act(n)` for 0 … count, a few at a time, and counts what each came to. */
async function crowd(count, act, progress) {
  const counts = new Map();
  let next = 0;
  let done = 0;
  async function one() {
    while (next < count) {
      const n = next++;
      let came;
      try {
        came = await act(n);
      } catch (error) {
        came = error instanceof Problem ? error.code || String(error.status) : "NETWORK";
      }
      counts.set(came, (counts.get(came) ?? 0) + 1);
      done += 1;
      if (done % 10 === 0 || done === count) progress(done / count);
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, one));
  return counts;
}

const listed = (counts) => [...counts].map(([code, n]) => `${code} ${number(n)}`).join(", ");

export function Bursts() {
  const [line, tell] = useSaid();
  const [run, busy] = useAct(tell);
  const [part, setPart] = useState(null);
  const crowdOf = (count, act) => crowd(count, act, setPart).finally(() => setPart(null));

  const coupons = () => run(async () => {
    const name = wish().slice(0, 8);
    const before = await get("/api/coupons/policies/1");
    const counts = await crowdOf(BUYERS, async (n) => {
      const answer = await call("POST", "/api/coupons/issue?strategy=v2", { body: { policyId: "1", userId: `page-${name}-${n}` } });
      return answer.body.status ?? String(answer.status);
    });
    const after = await get("/api/coupons/policies/1");
    const won = counts.get("SUCCESS") ?? 0;
    const sound = after.issued <= after.totalQuantity && after.issued - before.issued >= won;
    return t(sound ? "bursts.coupons.sound" : "bursts.unsound", { counts: listed(counts), issued: number(after.issued), total: number(after.totalQuantity) });
  });

  const seats = () => run(async () => {
    const name = wish().slice(0, 8);
    const [schedule] = (await get("/api/schedules")).schedules;
    const path = `/api/schedules/${encode(schedule.scheduleId)}/seats?limit=600`;
    const map = await get(path);
    const free = map.seats.filter((seat) => seat.status === "AVAILABLE").map((seat) => seat.seatNo);
    if (free.length === 0) return t("bursts.seats.none");
    const held = new Map();
    const counts = await crowdOf(SEAT_HUNTERS, async (n) => {
      const seatNo = free[n % Math.min(free.length, 20)];
      await call("POST", "/reservations", { body: { userId: `page-${name}-${n}`, scheduleId: schedule.scheduleId, seatNo } });
      held.set(seatNo, (held.get(seatNo) ?? 0) + 1);
      return "HELD";
    });
    const sound = [...held.values()].every((times) => times === 1);
    return t(sound ? "bursts.seats.sound" : "bursts.unsound", { counts: listed(counts), seats: number(held.size) });
  });

  return html`<${Panel} title=${t("bursts")} note=${t("bursts.note")} id="bursts">
    <p class="acts">
      <button type="button" disabled=${busy} onClick=${coupons}>${t("bursts.coupons", { n: BUYERS })}</button>
      <button type="button" disabled=${busy} onClick=${seats}>${t("bursts.seats", { n: SEAT_HUNTERS })}</button>
    </p>
    ${part !== null && html`<progress max="1" value=${part} aria-label=${t("bursts.progress")}>${number(part * 100)}%</progress>`}
    ${line}
    <p class="note">${t("bursts.more")} <code>stream-worker load coupon-rush</code></p>
  </${Panel}>`;
}
