// Lines over the last two minutes. The numbers stand beside them in tiles and tables: a chart shows the way they went.
import { html, useEffect, useLayoutEffect, useRef } from "/assets/dom.js";
import { SECONDS } from "/assets/live.js";

const HEIGHT = 150;

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** `lines`: `[label, custom property of its colour, (point) => value, whether single points are drawn]`; `label` says what is shown, for those who do not see it. */
export function Chart({ label, lines, history, dark, language, format }) {
  const home = useRef(null);
  const plot = useRef(null);
  const data = [history.map((point) => point.second), ...lines.map(([, , value]) => history.map((point) => value(point) ?? null))];

  useLayoutEffect(() => {
    const axis = {
      stroke: colour("--muted"),
      grid: { stroke: colour("--line"), width: 1 },
      ticks: { stroke: colour("--line"), width: 1 },
      font: "11px system-ui, sans-serif",
    };
    const options = {
      width: home.current.clientWidth || 300,
      height: HEIGHT,
      legend: { show: false },
      cursor: { show: false },
      padding: [8, 8, 0, 0],
      scales: {
        x: { time: true, range: (_, __, last) => [last - SECONDS, last] },
        y: { range: (_, __, most) => [0, Math.max(1, (most ?? 0) * 1.1)] },
      },
      axes: [
        { ...axis, space: 70, size: 26, values: (_, ticks) => ticks.map((s) => new Date(s * 1000).toTimeString().slice(0, 8)) },
        { ...axis, size: 52, values: (_, ticks) => ticks.map((value) => (format ? format(value) : value.toLocaleString("en-GB"))) },
      ],
      series: [{}, ...lines.map(([name, tone, , dots]) => ({ label: name, stroke: colour(tone), width: 1.5, points: { show: Boolean(dots), size: 5, fill: colour(tone) } }))],
    };
    plot.current = new window.uPlot(options, data, home.current);
    const watch = new ResizeObserver(() => plot.current?.setSize({ width: home.current.clientWidth, height: HEIGHT }));
    watch.observe(home.current);
    return () => {
      watch.disconnect();
      plot.current.destroy();
      plot.current = null;
    };
    // Colours are read when it is made, so it is made anew with the light.
  }, [dark, language, lines.length]);

  useEffect(() => {
    plot.current?.setData(data);
  });

  return html`<figure class="chart">
    <figcaption>${lines.map(([name, tone]) => html`<span class="key"><span class=${`swatch ${tone.slice(2)}`} aria-hidden="true"></span>${name}</span>`)}</figcaption>
    <div ref=${home} role="img" aria-label=${label}></div>
  </figure>`;
}
