// Dead letters: read, shown and put back, by admins.
import { html, useState } from "/assets/dom.js";
import { Problem, encode, get, post, said, wish } from "/assets/api.js";
import { usePolled } from "/assets/poll.js";
import { About, Badge, Field, Panel, Table, Trouble, dateTime, number, useAct, useSaid } from "/assets/parts.js";
import { t } from "/assets/words.js";

const SHOWN = 20;

export function Letters({ now, token, setToken }) {
  const [typed, setTyped] = useState("");
  const list = usePolled(`/api/dlq?limit=${SHOWN}`, 5_000, { bearer: token || undefined });
  const [detail, setDetail] = useState(null);
  const [line, tell] = useSaid();
  const [run, busy] = useAct(tell);
  const bearer = token || undefined;
  const isClosed = list.problem instanceof Problem && [401, 403].includes(list.problem.status);

  const show = (id) => run(async () => {
    setDetail(await get(`/api/dlq/${encode(id)}`, { bearer }));
    return "";
  });
  const redrive = (id) => run(async () => {
    const answer = await post("/api/dlq/redrive", { id }, { bearer, key: wish() });
    list.reload();
    setDetail(await get(`/api/dlq/${encode(id)}`, { bearer }).catch(() => null));
    const { redriven, alreadyRedriven, skipped } = answer.counts;
    return t(redriven > 0 ? "letters.redriven" : alreadyRedriven > 0 ? "letters.already" : "letters.skipped", { id, why: answer.skipped[0]?.reason ?? number(skipped) });
  });
  const enter = (event) => {
    event.preventDefault();
    setToken(typed);
    setTyped("");
  };

  const rows = (list.data?.letters ?? []).map((letter) => [
    html`<span class="name">${letter.id}</span>`,
    letter.class,
    dateTime(letter.failedAt),
    number(letter.redriven),
    html`<span class="acts"><button type="button" disabled=${busy} onClick=${() => show(letter.id)}>${t("letters.show")}<${About}>${letter.id}</${About}></button>
      <button type="button" disabled=${busy} onClick=${() => redrive(letter.id)}>${t("letters.redrive")}<${About}>${letter.id}</${About}></button></span>`,
  ]);
  const columns = [[t("letters.id")], [t("letters.class")], [t("letters.at")], [t("letters.redrives"), "num"], [t("letters.acts")]];
  return html`<${Panel} title=${t("letters")} wide note=${t("letters.note", { n: number(now.deadLetters.total) })} id="letters">
    ${isClosed
      ? html`<form onSubmit=${enter} class="row">
          <p class="said">${list.problem.code === "UNAUTHORIZED" && !token ? t("letters.token.needed") : said(list.problem)}</p>
          <${Field} label=${t("letters.token")} type="password" value=${typed} onInput=${setTyped} autocomplete="off" />
          <button type="submit">${t("letters.token.use")}</button>
        </form>`
      : html`<${Trouble} problem=${list.problem} />
        ${token && html`<p class="note">${t("letters.token.kept")} <button type="button" onClick=${() => setToken("")}>${t("letters.token.forget")}</button></p>`}
        <${Table} caption=${t("letters")} columns=${columns} rows=${rows} empty=${t("letters.none")} />`}
    ${line}
    ${detail && html`<div class="detail" role="region" aria-label=${t("letters.detail")}>
      <p class="line"><${Badge}>${detail.id}</${Badge}> <button type="button" onClick=${() => setDetail(null)}>${t("close")}</button></p>
      <pre tabindex="0">${JSON.stringify(detail, null, 2)}</pre>
    </div>`}
  </${Panel}>`;
}
