/* The drawing library, cut to what is drawn, and loaded only when a chart is on the page. */
import { LineChart } from 'echarts/charts';
import { GridSimpleComponent } from 'echarts/components';
import { init, use, type ECharts } from 'echarts/core';
import { CanvasRenderer } from 'echarts/renderers';

use([LineChart, GridSimpleComponent, CanvasRenderer]);

export type Canvas = ECharts;
export const open = (element: HTMLElement): Canvas => init(element, undefined, { renderer: 'canvas' });
