// What the user was told, the newest first.
import { html, useEffect } from "/assets/dom.js";
import { encode } from "/assets/api.js";
import { usePolled } from "/assets/poll.js";
import { Badge, Panel, Trouble, clockTime } from "/assets/parts.js";
import { has, t } from "/assets/words.js";

const TONES = { SENT: "good", DEAD: "bad", RETRY: "warn" };

export function Notices({ user, turn }) {
  const shown = usePolled(`/api/notifications?userId=${encode(user)}&limit=20`, 2_000);
  useEffect(() => shown.reload(), [turn]);
  const items = shown.data?.items ?? [];
  return html`<${Panel} title=${t("notices")} id="notices">
    <${Trouble} problem=${shown.problem} />
    <ol class="notices" tabindex="0" aria-label=${t("notices")} aria-live="polite" aria-relevant="additions">
      ${items.map((one) => html`<li key=${one.notificationId + one.channel}>
        <p><span class="at">${clockTime(one.createdAt)}</span> <b>${one.title}</b>
          <${Badge} tone=${TONES[one.status]}>${has(`notice.${one.status}`) ? t(`notice.${one.status}`) : one.status}</${Badge}> <span class="note">${one.channel}</span></p>
        <p>${one.message}</p>
      </li>`)}
    </ol>
    ${items.length === 0 && html`<p class="empty">${t("notices.none")}</p>`}
  </${Panel}>`;
}
