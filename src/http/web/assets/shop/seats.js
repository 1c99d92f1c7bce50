// Seats: choose, hold against the clock, pay or give back; and the waitlist of a house that is sold out.
import { html, useEffect, useState } from "/assets/dom.js";
import { Problem, call, encode, get, post } from "/assets/api.js";
import { usePolled } from "/assets/poll.js";
import { About, Badge, Choice, Panel, Trouble, left, number, useAct, useNow, useOnce, useSaid, won } from "/assets/parts.js";
import { SeatMap } from "/assets/seatmap.js";
import { t } from "/assets/words.js";

/** What this window has held, by user: a reservation is its user's secret, so the API lists none. Kept for this window only. */
const KEPT = "holdfast.reservations";

function kept(user) {
  try {
    return JSON.parse(sessionStorage.getItem(`${KEPT}.${user}`)) ?? [];
  } catch {
    return [];
  }
}

function keep(user, ids) {
  try {
    sessionStorage.setItem(`${KEPT}.${user}`, JSON.stringify(ids));
  } catch {
    // Then they are known until the page is closed.
  }
}

const TONES = { HELD: "warn", PAYING: "warn", CONFIRMED: "good", EXPIRED: "bad" };
const ENDED = ["EXPIRED", "CANCELLED", "REFUNDED"];

function Reservation({ id, user, token, done, coupons, forget, tell }) {
  const shown = usePolled(`/reservations/${encode(id)}?userId=${encode(user)}`, 1_500);
  const now = useNow();
  const [run, busy] = useAct(tell);
  const once = useOnce();
  const [coupon, setCoupon] = useState("");
  const mine = shown.data;
  if (shown.missing) return null;
  if (!mine) return html`<li class="reservation"><${Trouble} problem=${shown.problem} /></li>`;
  const headers = token ? { "X-Queue-Token": token } : undefined;
  const title = t("seat.n", { n: mine.seatNo });
  // At the deadline the clock is at zero; what it came to is the worker's to say.
  const pay = () => run(async () => {
    // The amount is what the seat cost; with a coupon the worker takes off what it is worth, so none is said.
    const body = coupon ? { reservationId: id, userId: user, couponId: coupon } : { reservationId: id, userId: user, amount: mine.price };
    const answer = await once(body, (key) => call("POST", "/payments", { body, key, headers }));
    shown.reload();
    done();
    return answer.status === 202 ? t("pay.pending") : t("pay.done", { seat: mine.seatNo, amount: won(answer.body.amount ?? mine.price) });
  });
  const giveBack = () => run(async () => {
    const answer = await call("DELETE", `/reservations/${encode(id)}?userId=${encode(user)}`, { headers });
    shown.reload();
    done();
    const { refundAmount, fee } = answer.body ?? {};
    return refundAmount ? t("cancel.refund", { seat: mine.seatNo, amount: won(refundAmount), fee: won(fee ?? 0) }) : t("cancel.done", { seat: mine.seatNo });
  });
  return html`<li class="reservation">
    <p><b>${title}</b> <span class="note">${mine.scheduleId}</span> ${won(mine.price)} <${Badge} tone=${TONES[mine.status]}>${t(`reservation.${mine.status}`)}</${Badge}></p>
    ${mine.status === "HELD" && html`
      <p class="deadline"><span>${t("hold.left")}</span> <span class="figure" role="timer" aria-label=${t("hold.left.of", { seat: mine.seatNo })}>${left(mine.expiresAt, now)}</span></p>
      ${coupons.length > 0 && html`<${Choice} shown label=${t("pay.coupon")} value=${coupon} onChange=${setCoupon}
        options=${[["", t("pay.coupon.none")], ...coupons.map((c) => [c.couponId, c.couponId])]} />`}
      <p class="acts">
        <button type="button" class="main" disabled=${busy} onClick=${pay}>${coupon ? t("pay.with") : t("pay", { amount: won(mine.price) })}<${About}>${title}</${About}></button>
        <button type="button" disabled=${busy} onClick=${giveBack}>${t("release")}<${About}>${title}</${About}></button>
      </p>`}
    ${mine.status === "CONFIRMED" && html`<p class="acts"><button type="button" disabled=${busy} onClick=${giveBack}>${t("cancel")}<${About}>${title}</${About}></button></p>`}
    ${ENDED.includes(mine.status) && html`<p class="acts"><button type="button" onClick=${() => forget(id)}>${t("forget")}<${About}>${title}</${About}></button></p>`}
  </li>`;
}

function Waitlist({ scheduleId, user, token, isFull, add, tell, done }) {
  const path = `/api/schedules/${encode(scheduleId)}/waitlist`;
  const shown = usePolled(`${path}?userId=${encode(user)}`, 3_000);
  const [run, busy] = useAct(tell);
  const headers = token ? { "X-Queue-Token": token } : undefined;
  const place = shown.data;
  const offer = place?.status === "OFFERED" ? place.reservationId : undefined;
  useEffect(() => {
    if (offer) add(offer);
  }, [offer]);
  const join = () => run(async () => {
    const answer = await post(path, { userId: user }, { headers });
    shown.reload();
    done();
    return t("waitlist.joined", { n: number(answer.position) });
  });
  const leave = () => run(async () => {
    await call("DELETE", `${path}?userId=${encode(user)}`, { headers });
    shown.reload();
    done();
    return t("waitlist.left");
  });
  const isOn = place && (place.status === "WAITING" || place.status === "OFFERED");
  if (!isFull && !isOn) return null;
  return html`<div class="waitlist">
    <h3>${t("waitlist")}</h3>
    ${isOn && html`<p>${place.status === "OFFERED" ? t("waitlist.offered") : t("waitlist.position", { n: number(place.position) })}</p>
      <p class="acts"><button type="button" disabled=${busy} onClick=${leave}>${t("waitlist.leave")}</button></p>`}
    ${!isOn && html`<p class="acts"><button type="button" disabled=${busy} onClick=${join}>${t("waitlist.join")}</button></p>`}
  </div>`;
}

export function Seats({ user, token, done, turn }) {
  const schedules = usePolled("/api/schedules", 30_000).data?.schedules ?? [];
  const [wanted, setWanted] = useState("");
  const scheduleId = wanted || schedules[0]?.scheduleId || "";
  const seats = usePolled(scheduleId && `/api/schedules/${encode(scheduleId)}/seats?limit=600`, 1_000);
  const coupons = usePolled(`/api/coupons/users/${encode(user)}`, 5_000);
  const now = useNow();
  const [ids, setIds] = useState(kept(user));
  const [chosen, setChosen] = useState(null);
  const [mine, setMine] = useState(new Map());
  const [line, tell] = useSaid();
  const [run, busy] = useAct(tell);
  const once = useOnce();
  const set = (next) => {
    keep(user, next);
    setIds(next);
  };
  const add = (id) => setIds((before) => {
    const next = before.includes(id) ? before : [id, ...before];
    keep(user, next);
    return next;
  });
  useEffect(() => coupons.reload(), [turn]);

  // Which seats of the map are this user's: asked for when they change, and kept for the drawing.
  useEffect(() => {
    let over = false;
    Promise.all(ids.map((id) => get(`/reservations/${encode(id)}?userId=${encode(user)}`).catch(() => null))).then((all) => {
      if (over) return;
      const own = all.filter((r) => r && r.scheduleId === scheduleId && !ENDED.includes(r.status));
      setMine(new Map(own.map((r) => [r.seatNo, r.reservationId])));
    });
    return () => {
      over = true;
    };
  }, [ids, seats.data?.version, scheduleId]);

  const hold = () => run(async () => {
    const seatNo = chosen;
    try {
      const headers = token ? { "X-Queue-Token": token } : undefined;
      const body = { userId: user, scheduleId, seatNo };
      const answer = await once(body, (key) => post("/reservations", body, { key, headers }));
      add(answer.reservationId);
      done();
      return t("hold.done", { seat: seatNo });
    } catch (problem) {
      if (problem instanceof Problem && problem.code === "SEAT_ALREADY_RESERVED") seats.reload();
      throw problem;
    } finally {
      setChosen(null);
      seats.reload();
    }
  });

  const map = seats.data;
  const seat = map?.seats.find((one) => one.seatNo === chosen);
  const usable = (coupons.data?.coupons ?? []).filter((coupon) => coupon.status === "ISSUED");
  return html`<${Panel} title=${t("seats")} wide id="seats">
    ${schedules.length === 0 && html`<p class="empty">${t("schedules.none")}</p>`}
    ${schedules.length > 0 && html`<${Choice} shown label=${t("schedule")} value=${scheduleId} onChange=${(id) => { setWanted(id); setChosen(null); }}
      options=${schedules.map((s) => [s.scheduleId, `${s.concertTitle} (${s.scheduleId})`])} />`}
    <${Trouble} problem=${seats.problem} />
    <div class="split">
      <div>
        ${map && html`<p class="counts"><span><b>${number(map.available)}</b> ${t("seat.AVAILABLE")}</span>
          <span><b>${number(map.temporaryReserved)}</b> ${t("seat.TEMPORARY_RESERVED")}</span>
          <span><b>${number(map.reserved)}</b> ${t("seat.RESERVED")}</span></p>
          <${SeatMap} map=${map} now=${now} chosen=${chosen} onChoose=${(n) => setChosen((before) => (before === n ? null : n))} mine=${mine} />
          <p class="acts"><button type="button" class="main" disabled=${busy || seat?.status !== "AVAILABLE"} onClick=${hold}>
            ${seat ? t("hold.seat", { seat: chosen, price: won(seat.price) }) : t("hold.choose")}</button></p>`}
      </div>
      <div>
        <h3>${t("reservations")}</h3>
        ${ids.length === 0 && html`<p class="empty">${t("reservations.none")}</p>`}
        <ul class="reservations">${ids.map((id) => html`<${Reservation} key=${id} id=${id} user=${user} token=${token} done=${done} tell=${tell}
          coupons=${usable} forget=${(gone) => set(ids.filter((one) => one !== gone))} />`)}</ul>
        ${map && html`<${Waitlist} key=${scheduleId} scheduleId=${scheduleId} user=${user} token=${token} isFull=${map.available === 0} add=${add} tell=${tell} done=${done} />`}
      </div>
    </div>
    ${line}
  </${Panel}>`;
}
