// Both pages in a real browser: what they load, what axe finds, and a whole sale by hand. `make browser` runs it.
import assert from "node:assert/strict";
import { mkdir, readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";
import { chromium } from "playwright-core";
import { post, startReceiver, startWorker } from "./worker.mjs";

const AXE = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const SHOTS = process.env.HOLDFAST_SHOTS;
/** Files that are served instead of the worker's own, for work on the pages without a build: src/http/web/assets. */
const ASSETS = process.env.HOLDFAST_ASSETS;
const KINDS = { js: "text/javascript; charset=utf-8", css: "text/css; charset=utf-8", svg: "image/svg+xml" };
const DESK = { width: 1440, height: 900 };
const PHONE = { width: 360, height: 740 };
/** Long enough for a slow machine; what is waited for is a condition. */
const PATIENCE = 40_000;

let worker;
let receiver;
let browser;

before(async () => {
  receiver = await startReceiver();
  receiver.refused.add("user_refused");
  worker = await startWorker({ HOLD_MS: "20000", WEBHOOK_URL: receiver.url });
  browser = await chromium.launch({
    executablePath: process.env.HOLDFAST_CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-dev-shm-usage"],
  });
  if (SHOTS) await mkdir(SHOTS, { recursive: true });
});

after(async () => {
  await browser?.close();
  await worker?.stop();
  receiver?.stop();
});

/** A page of this kind, and what it has done that it must not do. */
async function open(path, { viewport = DESK, locale = "ko-KR", colorScheme = "light" } = {}) {
  const context = await browser.newContext({ viewport, locale, colorScheme, reducedMotion: "reduce" });
  context.setDefaultTimeout(PATIENCE);
  if (ASSETS) {
    await context.route("**/assets/**", async (route) => {
      const path = new URL(route.request().url()).pathname.slice("/assets/".length);
      await route.fulfill({ body: await readFile(`${ASSETS}/${path}`), contentType: KINDS[path.split(".").pop()] });
    });
  }
  const page = await context.newPage();
  const wrong = [];
  page.on("pageerror", (error) => wrong.push(`error: ${error.message}`));
  page.on("console", (line) => {
    // Routes of features that this worker does not have, and refusals that a test asks for, are told by the browser as failed loads.
    const isAnswer = line.text().startsWith("Failed to load resource");
    if (["error", "warning"].includes(line.type()) && !isAnswer) wrong.push(`console: ${line.text()}`);
  });
  page.on("request", (request) => {
    const from = new URL(request.url());
    if (from.origin !== new URL(worker.url).origin && from.protocol.startsWith("http")) wrong.push(`asks another host: ${request.url()}`);
  });
  await page.goto(worker.url + path);
  await page.waitForSelector("main .panel");
  return { page, wrong, close: () => context.close() };
}

async function shoot(page, name) {
  if (SHOTS) await page.screenshot({ path: `${SHOTS}/${name}.png`, fullPage: true });
}

/** What axe finds of weight. */
async function findings(page) {
  // Through the debugger, which the page's policy does not concern.
  await page.evaluate(AXE);
  const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
  return violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(({ id, nodes }) => `${id}: ${nodes.map((node) => `${node.html} ${node.failureSummary}`).slice(0, 3).join("\n  ")}`);
}

const LOOKS = [
  ["desk-ko", {}],
  ["desk-en-dark", { locale: "en-GB", colorScheme: "dark" }],
  ["phone-ko", { viewport: PHONE }],
  ["phone-en-dark", { viewport: PHONE, locale: "en-GB", colorScheme: "dark" }],
];

for (const [path, name] of [["/", "operator"], ["/shop", "shop"]]) {
  for (const [look, options] of LOOKS) {
    test(`${name} ${look}: axe finds nothing serious, nothing is asked of others, nothing is wider than the window`, async () => {
      const { page, wrong, close } = await open(path, options);
      await page.waitForSelector(".seat");
      if (path === "/") await page.waitForSelector(".uplot canvas");
      await page.waitForLoadState("load");
      assert.deepEqual(await findings(page), []);
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      assert.ok(wide <= 0, `${wide} px wider than the window`);
      assert.equal(await page.getAttribute("html", "lang"), options.locale ? "en" : "ko");
      await shoot(page, `${name}-${look}`);
      assert.deepEqual(wrong, []);
      await close();
    });
  }
}

test("language and light can be changed and are remembered", async () => {
  const { page, wrong, close } = await open("/shop");
  await page.getByLabel("언어").selectOption("en");
  await page.getByRole("heading", { name: "Waiting room" }).waitFor();
  await page.getByLabel("Theme").selectOption("dark");
  assert.equal(await page.getAttribute("html", "data-theme"), "dark");
  await page.reload();
  await page.getByRole("heading", { name: "Waiting room" }).waitFor();
  assert.equal(await page.getAttribute("html", "data-theme"), "dark");
  assert.deepEqual(wrong, []);
  await close();
});

test("everything can be reached with the keyboard", async () => {
  const { page, close } = await open("/shop", { locale: "en-GB" });
  await page.waitForSelector(".seat");
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "Skip to content");
  await page.keyboard.press("Enter");
  assert.equal(await page.evaluate(() => document.activeElement.id), "main");
  const seat = page.getByRole("button", { name: /^Seat 41, free/ });
  await seat.focus();
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: "Hold seat 41 (₩50,000)" }).waitFor();
  await close();
});

test("a whole sale by hand: hold, let one expire, pay one, cancel one, in two windows", async () => {
  const mine = await open("/shop#user_test", { locale: "en-GB" });
  const other = await open("/shop#1001", { locale: "en-GB" });
  const { page } = mine;
  const holding = (window, seat) => window.getByRole("button", { name: new RegExp(`^Hold seat ${seat} `) });
  const seat = (window, no, state) => window.getByRole("button", { name: new RegExp(`^Seat ${no}, ${state}`) });
  async function hold(window, no) {
    await seat(window, no, "free").click();
    await holding(window, no).click();
    await window.getByText(`Seat ${no} is held. Pay before the time is over.`).waitFor();
  }

  // One is held here, and the other window sees it and cannot have it.
  await hold(page, 1);
  await seat(other.page, 1, "held").waitFor();
  assert.ok(await seat(other.page, 1, "held").isDisabled());
  await page.getByRole("timer", { name: "Time left to pay for seat 1" }).waitFor();
  await shoot(page, "shop-held");
  await page.getByRole("button", { name: "Pay ₩50,000 Seat 1", exact: true }).click();
  await page.getByText("Seat 1 is paid: ₩50,000").waitFor();
  await seat(other.page, 1, "sold").waitFor();

  // One is let go by the clock, and is free for the other window.
  await hold(page, 2);
  await page.locator(".reservation", { hasText: "Seat 2" }).getByText("expired").waitFor();
  await seat(other.page, 2, "free").waitFor();

  // One is paid and given back.
  await hold(page, 3);
  await page.getByRole("button", { name: "Pay ₩50,000 Seat 3", exact: true }).click();
  await page.getByText("Seat 3 is paid: ₩50,000").waitFor();
  await page.getByRole("button", { name: "Cancel Seat 3", exact: true }).click();
  await page.getByText(/^Seat 3 is cancelled\. Refund/).waitFor();
  await page.locator(".reservation", { hasText: "Seat 3" }).getByText(/cancelled|refunded/).waitFor();

  // A coupon, a time sale, points.
  await page.getByRole("button", { name: "Get a coupon" }).click();
  await page.getByText(/^You have a coupon: cpn_/).waitFor();
  await page.getByRole("button", { name: "Get a coupon" }).click();
  await page.locator("section", { hasText: "My coupons" }).locator(".said.bad").filter({ hasText: /\S/ }).waitFor();
  await page.getByLabel("Quantity").fill("2");
  await page.getByRole("button", { name: "Order", exact: true }).click();
  await page.getByText("2 ordered and confirmed.").waitFor();
  await page.getByRole("button", { name: "Charge", exact: true }).click();
  await page.getByText(/^Charged\. The balance is ₩/).waitFor();

  // What was told.
  const notices = page.locator("#notices");
  await notices.locator("li").nth(2).waitFor();
  assert.deepEqual(await findings(page), []);
  await shoot(page, "shop-after");
  assert.deepEqual(mine.wrong, []);
  assert.deepEqual(other.wrong, []);
  await mine.close();
  await other.close();
});

test("the queue is joined, let in and left, where the worker has one", async (context) => {
  const queue = await fetch(`${worker.url}/api/queues/schedule_456`);
  if (queue.status === 404) return context.skip("this worker has no waiting room");
  const { page, wrong, close } = await open("/shop#user_queue", { locale: "en-GB" });
  await page.getByRole("button", { name: "Join", exact: true }).click();
  await page.getByText("inside", { exact: true }).waitFor();
  await page.getByRole("button", { name: "Leave", exact: true }).click();
  await page.getByText("You have left the queue.").waitFor();
  assert.deepEqual(wrong, []);
  return close();
});

/** Answers a route as the interface writes it: for what this worker may not have, or not have at this moment. */
const answer = (page, pattern, tell) => page.route(pattern, (route) => {
  const told = tell(route.request().method());
  return route.fulfill({ status: told ? 200 : 404, contentType: "application/json", body: JSON.stringify(told ?? {}) });
});

test("the waiting room, the rankings and the waitlist are shown as they are told", async () => {
  const { page, wrong, close } = await open("/shop#user_waiting", { locale: "en-GB" });
  const standings = [
    { queuePosition: 57, estimatedWaitTime: 2, status: "WAITING" },
    { queuePosition: 0, status: "ACTIVE", activeUntil: new Date(Date.now() + 600_000).toISOString() },
  ];
  let listed = null;
  await answer(page, "**/api/queue/token", () => ({ token: "a-token", queuePosition: 120, estimatedWaitTime: 3, status: "WAITING", pollAfterMs: 1000 }));
  let told = 1;
  await page.route("**/api/queue/stream?token=a-token", (route) =>
    route.fulfill({ contentType: "text/event-stream", body: standings.slice(0, told).map((one) => `data: ${JSON.stringify(one)}\n\n`).join("") }));
  await answer(page, "**/api/rankings/popular*", () => ({ items: [{ rank: 1, scheduleId: "schedule_456", concertTitle: "A concert", count: 48 }], window: "all" }));
  await answer(page, "**/api/schedules/*/waitlist*", (method) => {
    if (method === "POST") listed = { scheduleId: "schedule_456", userId: "user_waiting", position: 3, status: "WAITING" };
    if (method !== "DELETE") return listed;
    listed = null;
    return {};
  });
  const seats = Array.from({ length: 10 }, (_, n) => ({ seatNo: n + 1, status: "RESERVED", price: 50000 }));
  await answer(page, "**/seats?limit=600", () => ({ scheduleId: "schedule_456", capacity: 10, available: 0, temporaryReserved: 0, reserved: 10, version: 9, seats }));
  await page.getByRole("button", { name: "Join", exact: true }).click();
  await page.getByText("57", { exact: true }).waitFor();
  told = 2;
  await page.getByText("inside", { exact: true }).waitFor();
  await page.getByText("1. A concert").waitFor();
  await page.getByRole("button", { name: "Sold out: join the waitlist" }).click();
  await page.getByText("Position 3", { exact: true }).waitFor();
  assert.deepEqual(await findings(page), []);
  await shoot(page, "shop-queue-and-waitlist");
  await page.getByRole("button", { name: "Leave the waitlist" }).click();
  await page.getByText("You have left the waitlist.").waitFor();
  await page.getByRole("button", { name: "Leave", exact: true }).click();
  await page.getByText("You have left the queue.").waitFor();
  assert.deepEqual(wrong, []);
  await close();
});

test("a takeover, an open breaker and an alert are seen", async () => {
  const event = await (await fetch(`${worker.url}/api/live?snapshots=1`)).text();
  const snapshot = JSON.parse(event.slice(event.indexOf("{")));
  const at = snapshot.at;
  snapshot.places[0] = { ...snapshot.places[0], worker: "worker-2", here: false, state: "unknown", tasks: [] };
  snapshot.takeovers = [{ at, place: 0, from: "worker-1", to: "worker-2" }];
  snapshot.channels[0] = { ...snapshot.channels[0], breaker: "OPEN", buffered: 12 };
  snapshot.alerts = [{ alert: "BREAKER_OPEN", state: "FIRING", labels: {}, summary: "nothing is called", value: 1, bound: 0, since: at, at, worker: "worker-1" }];
  const { page, wrong, close } = await open("/", { locale: "en-GB" });
  await page.route("**/api/live", (route) => route.fulfill({ contentType: "text/event-stream", body: `event: snapshot\ndata: ${JSON.stringify(snapshot)}\n\n` }));
  await page.reload();
  await page.getByText("place 0: from worker-1 to worker-2").waitFor();
  await page.getByText("nothing is called").waitFor();
  await page.getByText("open", { exact: true }).waitFor();
  assert.deepEqual(await findings(page), []);
  await shoot(page, "operator-takeover");
  assert.deepEqual(wrong, []);
  await close();
});

test("a refusal is told in the language of the page", async () => {
  for (const [locale, text] of [["ko-KR", /이상|필요|올바르지|잔액|포인트|금액/], ["en-GB", /must|amount|allowed|balance/i]]) {
    const { page, close } = await open("/shop#user_poor", { locale });
    const form = page.locator("form", { has: page.locator("input[type=number][step='1000']") });
    await form.evaluate((element) => (element.noValidate = true));
    await form.locator("input").fill("1");
    await form.locator("button").click();
    const said = page.locator(".said.bad").filter({ hasText: text });
    await said.waitFor();
    await close();
  }
});

test("a payment that lacked points is another wish once there are some", async () => {
  const { page, wrong, close } = await open("/shop#user_broke", { locale: "en-GB" });
  await page.getByRole("button", { name: /^Seat 30, free/ }).click();
  await page.getByRole("button", { name: /^Hold seat 30 / }).click();
  const pay = page.getByRole("button", { name: "Pay ₩50,000 Seat 30", exact: true });
  await pay.click();
  await page.locator("#seats .said.bad").filter({ hasText: /\S/ }).waitFor();
  await page.getByRole("button", { name: "Charge", exact: true }).click();
  await page.getByText("Charged. The balance is ₩100,000").waitFor();
  await pay.click();
  await page.getByText("Seat 30 is paid: ₩50,000").waitFor();
  assert.deepEqual(wrong, []);
  await close();
});

test("a rush is seen: figures move, the stock falls, the page keeps up", async () => {
  const { page, wrong, close } = await open("/", { locale: "en-GB" });
  await page.getByRole("button", { name: /people want a coupon/ }).click();
  await page.getByText(/of 100 issued by now, none too many\./).waitFor({ timeout: 60_000 });
  await page.getByRole("button", { name: /people want seats/ }).click();
  await page.getByText(/seats, none of them twice\./).waitFor({ timeout: 60_000 });
  await page.locator("#seats .seat.held").first().waitFor();
  await shoot(page, "operator-burst");
  assert.deepEqual(await findings(page), []);
  // Holds run out, and the page tells how late.
  await page.getByText(/^latest .* late$/).waitFor();
  const slowest = await page.evaluate(() => new Promise((tell) => {
    let last = performance.now();
    let worst = 0;
    let frames = 0;
    requestAnimationFrame(function frame(now) {
      worst = Math.max(worst, now - last);
      last = now;
      frames += 1;
      if (frames < 120) requestAnimationFrame(frame);
      else tell(worst);
    });
  }));
  console.log(`slowest of 120 frames: ${slowest.toFixed(0)} ms`);
  assert.deepEqual(wrong, []);
  await close();
});

test("a dead letter is listed, shown and put back", async (context) => {
  if (process.env.HOLDFAST_URL) return context.skip("the receiver of a worker that runs already is not ours");
  // A receiver that refuses what a user is told: that notice is given up.
  const held = await post(worker.url, "/reservations", { userId: "user_refused", scheduleId: "schedule_test", seatNo: 7 });
  await post(worker.url, "/api/points/charge", { userId: "user_refused", amount: 100000 });
  await post(worker.url, "/payments", { reservationId: held.reservationId, userId: "user_refused", amount: held.price });
  const { page, wrong, close } = await open("/", { locale: "en-GB" });
  const letters = page.locator("#letters");
  await letters.getByRole("button", { name: /^Show / }).first().click();
  await letters.getByRole("region", { name: "Details of the letter" }).getByText("user_refused").waitFor();
  assert.deepEqual(await findings(page), []);
  await shoot(page, "operator-letter");
  receiver.refused.clear();
  await letters.getByRole("button", { name: /^Redrive / }).first().click();
  await letters.getByText(/was put back into its topic\./).waitFor();
  assert.deepEqual(wrong, []);
  return close();
});

test("alerts, snapshots and the page agree", async () => {
  await post(worker.url, "/api/points/charge", { userId: "user_agree", amount: 1000 });
  const { page, close } = await open("/", { locale: "en-GB" });
  await page.getByText("Ready", { exact: true }).waitFor();
  const places = await (await fetch(`${worker.url}/api/places`)).json();
  const rows = page.getByRole("region", { name: "Places", exact: true }).locator("tbody tr");
  assert.equal(await rows.count(), places.places.length);
  await close();
});
