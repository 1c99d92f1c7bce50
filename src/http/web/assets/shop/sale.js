// A time sale: order units, follow the order, give it back.
import { html, useState } from "/assets/dom.js";
import { call, encode, get, post } from "/assets/api.js";
import { usePolled } from "/assets/poll.js";
import { Badge, Bar, Field, Panel, Trouble, number, useAct, useOnce, useSaid, won } from "/assets/parts.js";
import { has, t } from "/assets/words.js";

const TONES = { CONFIRMED: "good", FAILED: "bad", QUEUED: "warn" };

export function Sale({ user, token, done }) {
  const [saleId, setSaleId] = useState("1");
  const sale = usePolled(saleId && `/api/timesales/${encode(saleId)}`, 1_500);
  const [quantity, setQuantity] = useState("1");
  const [orders, setOrders] = useState([]);
  const [line, tell] = useSaid();
  const [run, busy] = useAct(tell);
  const once = useOnce();
  const note = (order) => setOrders((before) => [order, ...before.filter((one) => one.orderId !== order.orderId)]);
  const headers = token ? { "X-Queue-Token": token } : undefined;

  const buy = () => run(async () => {
    const wanted = { userId: user, quantity: Number(quantity) };
    const { orderId } = await once({ saleId, ...wanted }, (key) => post(`/api/timesales/${encode(saleId)}/orders`, wanted, { key, headers }));
    note({ orderId, status: "QUEUED", quantity });
    let order = await get(`/api/timesales/orders/${encode(orderId)}?waitMs=10000`);
    for (let again = 0; order.status === "QUEUED" && again < 6; again += 1) {
      note(order);
      order = await get(`/api/timesales/orders/${encode(orderId)}?waitMs=10000`);
    }
    note(order);
    sale.reload();
    done();
    if (order.status === "FAILED") {
      tell(order.reason ?? order.code, "bad");
      return "";
    }
    return t("sale.done", { n: number(order.quantity ?? Number(quantity)) });
  });
  const giveBack = (orderId) => run(async () => {
    const { body } = await call("DELETE", `/api/timesales/orders/${encode(orderId)}?userId=${encode(user)}`, { headers });
    note({ ...orders.find((one) => one.orderId === orderId), ...body, status: "CANCELLED" });
    sale.reload();
    done();
    return t("sale.cancelled");
  });

  const shown = sale.data;
  return html`<${Panel} title=${t("timesale")}>
    <${Field} label=${t("timesale.id")} value=${saleId} onInput=${setSaleId} />
    ${sale.missing && html`<p class="empty">${t("timesale.none")}</p>`}
    <${Trouble} problem=${sale.problem} />
    ${shown && html`
      <p class="line"><b>${shown.title}</b> ${won(shown.discountPrice)} ${shown.originalPrice && html`<s><span class="only-read">${t("sale.before")}</span>${won(shown.originalPrice)}</s>`}</p>
      <p class="counts"><span><b>${number(shown.remaining)}</b> ${t("of", { n: number(shown.totalQuantity) })}</span>
        ${shown.limitPerUser && html`<span class="note">${t("sale.limit", { n: number(shown.limitPerUser) })}</span>`}</p>
      <${Bar} label=${t("stock.left", { name: shown.title })} value=${shown.remaining} total=${shown.totalQuantity} />
      <form class="row" onSubmit=${(event) => { event.preventDefault(); buy(); }}>
        <${Field} label=${t("sale.quantity")} type="number" min="1" value=${quantity} onInput=${setQuantity} />
        <button type="submit" class="main" disabled=${busy}>${t("sale.order")}</button>
      </form>`}
    ${line}
    <ul class="reservations">${orders.map((order) => html`<li class="reservation" key=${order.orderId}>
      <p><span class="name">${order.orderId}</span> ${t("units", { n: number(Number(order.quantity)) })}
        <${Badge} tone=${TONES[order.status]}>${has(`order.${order.status}`) ? t(`order.${order.status}`) : order.status}</${Badge}>
        ${order.queuePosition && html`<span class="note">${t("queue.position")} ${number(order.queuePosition)}</span>`}</p>
      ${order.status === "CONFIRMED" && html`<p class="acts"><button type="button" disabled=${busy} onClick=${() => giveBack(order.orderId)}>${t("cancel")}</button></p>`}
    </li>`)}</ul>
  </${Panel}>`;
}
