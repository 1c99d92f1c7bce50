// The seats of a schedule. A seat is told by its shape and its text as well as by its colour.
import { html } from "/assets/dom.js";
import { left, won } from "/assets/parts.js";
import { t } from "/assets/words.js";

/** Seats that are drawn: a larger house is shown in part. */
export const SEATS_MAX = 600;

const KINDS = { AVAILABLE: "free", TEMPORARY_RESERVED: "held", RESERVED: "sold" };

export function SeatMap({ map, now, chosen, onChoose, mine }) {
  const seats = map.seats.slice(0, SEATS_MAX);
  const seat = ({ seatNo, status, price, expiresAt }) => {
    const kind = mine?.has(seatNo) ? `${KINDS[status]} mine` : KINDS[status];
    const deadline = expiresAt && now ? left(expiresAt, now) : "";
    const label = [
      t("seat.n", { n: seatNo }),
      mine?.has(seatNo) ? t("seat.mine") : t(`seat.${status}`),
      deadline && t("seat.left", { left: deadline }),
      status === "AVAILABLE" && won(price),
    ].filter(Boolean).join(", ");
    const inside = html`<span class="only-read">${label}</span>
      <span aria-hidden="true"><span class="no">${seatNo}</span>${deadline && html`<span class="left">${deadline}</span>`}</span>`;
    if (!onChoose) return html`<li class=${`seat ${kind}`} key=${seatNo} title=${label}>${inside}</li>`;
    return html`<li key=${seatNo}><button type="button" class=${`seat ${kind}`} aria-pressed=${chosen === seatNo}
      disabled=${status !== "AVAILABLE"} onClick=${() => onChoose(seatNo)}>${inside}</button></li>`;
  };
  return html`<ul class="seats" aria-label=${t("seats")}>${seats.map(seat)}</ul>
    <p class="legend" aria-hidden="true">
      <span class="key"><span class="seat small free"></span>${t("seat.AVAILABLE")}</span>
      <span class="key"><span class="seat small held"></span>${t("seat.TEMPORARY_RESERVED")}</span>
      <span class="key"><span class="seat small sold"></span>${t("seat.RESERVED")}</span>
      ${mine && html`<span class="key"><span class="seat small free mine"></span>${t("seat.mine")}</span>`}
    </p>
    ${map.seats.length > SEATS_MAX && html`<p class="note">${t("seats.more", { shown: SEATS_MAX, all: map.capacity })}</p>`}`;
}
