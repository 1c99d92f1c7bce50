// Points: what one has, adding some, and the lines of the statement.
import { html, useEffect, useState } from "/assets/dom.js";
import { encode, post } from "/assets/api.js";
import { usePolled } from "/assets/poll.js";
import { Field, Panel, Table, Trouble, clockTime, number, useAct, useOnce, useSaid, won } from "/assets/parts.js";
import { has, t } from "/assets/words.js";

export function Money({ user, turn, done }) {
  const wallet = usePolled(`/api/points/statement?userId=${encode(user)}&limit=8`, 5_000);
  const [amount, setAmount] = useState("100000");
  const [line, tell] = useSaid();
  const [run, busy] = useAct(tell);
  const once = useOnce();
  useEffect(() => wallet.reload(), [turn]);
  const charge = () => run(async () => {
    const body = { userId: user, amount: Number(amount) };
    const answer = await once(body, (key) => post("/api/points/charge", body, { key }));
    wallet.reload();
    done();
    return t("points.charged", { balance: won(answer.balance) });
  });
  const balance = wallet.missing ? 0 : wallet.data?.balance;
  return html`<${Panel} title=${t("points")}>
    <p class="counts"><span>${t("points.balance")} <b class="figure">${won(balance)}</b></span></p>
    <${Trouble} problem=${wallet.problem} />
    <form class="row" onSubmit=${(event) => { event.preventDefault(); charge(); }}>
      <${Field} label=${t("points.amount")} type="number" min="1000" max="1000000" step="1000" value=${amount} onInput=${setAmount} />
      <button type="submit" disabled=${busy}>${t("points.charge")}</button>
    </form>
    ${line}
    <${Table} caption=${t("points.statement")} empty=${t("points.statement.none")}
      columns=${[[t("points.line")], [t("points.amount"), "num"], [t("points.after"), "num"], [t("at")]]}
      rows=${(wallet.data?.lines ?? []).map((one) => [
        `${number(one.sequence)}. ${has(`line.${one.type}`) ? t(`line.${one.type}`) : one.type}`, won(one.amount), won(one.balanceAfter), clockTime(one.postedAt)])} />
  </${Panel}>`;
}
