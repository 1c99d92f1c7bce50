// Coupons: ask for one, see what became of it, see what one has.
import { html, useEffect, useState } from "/assets/dom.js";
import { encode, get, post } from "/assets/api.js";
import { usePolled } from "/assets/poll.js";
import { Badge, Bar, Choice, Panel, Table, Trouble, clockTime, number, useAct, useOnce, useSaid } from "/assets/parts.js";
import { has, t } from "/assets/words.js";

export function Coupons({ user, token, done, turn }) {
  const policies = usePolled("/api/coupons/policies", 3_000);
  const own = usePolled(`/api/coupons/users/${encode(user)}`, 5_000);
  const list = policies.data?.policies ?? [];
  const [wanted, setWanted] = useState("");
  const policyId = wanted || list[0]?.policyId || "";
  const policy = list.find((one) => one.policyId === policyId);
  const [request, setRequest] = useState(null);
  const [line, tell] = useSaid();
  const [run, busy] = useAct(tell);
  const once = useOnce();
  useEffect(() => own.reload(), [turn]);

  const ask = () => run(async () => {
    setRequest(null);
    const headers = token ? { "X-Queue-Token": token } : undefined;
    const wanted = { policyId, userId: user };
    const { requestId } = await once(wanted, (key) => post("/api/coupons/issue", wanted, { key, headers }));
    setRequest({ status: "PENDING", requestId });
    // The worker tells as soon as it is decided.
    let outcome = await get(`/api/coupons/requests/${encode(requestId)}?waitMs=10000`);
    for (let again = 0; outcome.status === "PENDING" && again < 6; again += 1) {
      setRequest(outcome);
      outcome = await get(`/api/coupons/requests/${encode(requestId)}?waitMs=10000`);
    }
    setRequest(outcome);
    policies.reload();
    done();
    if (outcome.status === "SUCCESS") return t("coupon.got", { id: outcome.couponId });
    tell(outcome.reason ?? outcome.status, "bad");
    return "";
  });

  const status = request?.status;
  return html`<${Panel} title=${t("coupons")}>
    <${Trouble} problem=${policies.problem} />
    ${list.length === 0 && html`<p class="empty">${t("coupons.none")}</p>`}
    ${list.length > 0 && html`<${Choice} shown label=${t("coupon.policy")} value=${policyId} onChange=${setWanted}
      options=${list.map((p) => [p.policyId, `${p.title} (${p.policyId})`])} />`}
    ${policy && html`<p class="counts"><span><b>${number(policy.remaining)}</b> ${t("of", { n: number(policy.totalQuantity) })}</span></p>
      <${Bar} label=${t("stock.left", { name: policy.title })} value=${policy.remaining} total=${policy.totalQuantity} />
      <p class="acts"><button type="button" class="main" disabled=${busy} onClick=${ask}>${t("coupon.ask")}</button></p>`}
    ${status && html`<p class="line"><span class="note">${t("coupon.request")}</span> <${Badge} tone=${status === "SUCCESS" ? "good" : status === "PENDING" ? "warn" : "bad"}>${has(`coupon.${status}`) ? t(`coupon.${status}`) : status}</${Badge}>
      ${request.queuePosition && html` <span class="note">${t("queue.position")} ${number(request.queuePosition)}</span>`}</p>`}
    ${line}
    <${Table} caption=${t("coupon.own")} columns=${[[t("coupon.own")], [t("state")], [t("at")]]} empty=${t("coupon.own.none")}
      rows=${(own.data?.coupons ?? []).map((c) => [html`<span class="name">${c.couponId}</span>`, has(`coupon.${c.status}`) ? t(`coupon.${c.status}`) : c.status, clockTime(c.issuedAt)])} />
  </${Panel}>`;
}
