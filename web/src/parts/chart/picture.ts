/* A chart as a PNG with its title and legend, as it goes into a slide. */
import type { Canvas } from './canvas';
import type { Band, Series } from './Chart';

const SCALE = 2;
const PAD = 24;

export function savePicture(chart: Canvas, what: { title: string; note: string; legend: (Series | Band)[]; fileName: string }): void {
  const root = document.documentElement;
  const css = getComputedStyle(root);
  const color = (c: string) => {
    const name = /^var\((--[\w-]+)\)$/.exec(c)?.[1];
    return name ? css.getPropertyValue(name).trim() : c;
  };
  const plot = chart.renderToCanvas({ pixelRatio: SCALE, backgroundColor: color('var(--surface)') });
  const head = 84;
  const canvas = document.createElement('canvas');
  canvas.width = plot.width + 2 * PAD * SCALE;
  canvas.height = plot.height + (head + PAD) * SCALE;
  const pen = canvas.getContext('2d')!;
  pen.fillStyle = color('var(--surface)');
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.drawImage(plot, PAD * SCALE, head * SCALE);
  pen.scale(SCALE, SCALE);

  const font = getComputedStyle(document.body).fontFamily;
  pen.fillStyle = color('var(--text)');
  pen.font = `600 17px ${font}`;
  pen.fillText(what.title, PAD, 34);
  const titleWidth = pen.measureText(what.title).width;
  pen.font = `12px ${font}`;
  pen.fillStyle = color('var(--faint)');
  pen.fillText(what.note, PAD + titleWidth + 12, 34);
  let x = PAD;
  for (const s of what.legend) {
    if ('low' in s) {
      pen.globalAlpha = Math.min(1, s.opacity * 2);
      pen.fillStyle = color(s.color);
      pen.fillRect(x, 52, 18, 12);
    } else if (s.marks) {
      pen.fillStyle = color(s.color);
      pen.beginPath();
      pen.arc(x + 9, 58, 4.5, 0, 2 * Math.PI);
      pen.fill();
    } else {
      pen.globalAlpha = s.faint ? 0.6 : 1;
      pen.strokeStyle = color(s.color);
      pen.lineWidth = 2.5;
      pen.setLineDash(s.faint || s.dashed ? [4, 4] : []);
      pen.beginPath();
      pen.moveTo(x, 58);
      pen.lineTo(x + 18, 58);
      pen.stroke();
    }
    pen.globalAlpha = 1;
    pen.fillStyle = color('var(--soft)');
    pen.fillText(s.label, x + 24, 62);
    x += 24 + pen.measureText(s.label).width + 20;
  }
  canvas.toBlob((blob) => {
    if (!blob) return;
    const link = document.createElement('a');
    link.href = URL.createObjectURL(blob);
    link.download = `${what.fileName}.png`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  }, 'image/png');
}
