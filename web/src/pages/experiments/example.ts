/* A result to try the page with: invented, and shown as such. Units and conversions of each day. */
import { addDays } from '../../format';

const FIRST_DAY = '2026-03-02';
const OLD = [[941, 36], [836, 33], [907, 45], [949, 45], [835, 35], [901, 50], [848, 40], [928, 39], [945, 53], [912, 36], [899, 53], [918, 47], [822, 39], [886, 44], [892, 49], [877, 48], [965, 60], [878, 41], [936, 55], [909, 42], [846, 35], [910, 52], [862, 47], [966, 38]] as const;
const NEW = [[888, 49], [896, 61], [958, 50], [823, 51], [899, 41], [875, 50], [828, 45], [928, 53], [939, 61], [950, 67], [968, 68], [940, 56], [885, 60], [940, 51], [850, 57], [944, 55], [957, 60], [952, 61], [874, 42], [941, 57], [894, 53], [938, 52], [884, 51], [848, 46]] as const;

export const EXAMPLE = [
  'date,variant,n,conversions',
  ...OLD.flatMap((old, i) => [
    `${addDays(FIRST_DAY, i)},old page,${old.join(',')}`,
    `${addDays(FIRST_DAY, i)},new page,${NEW[i]!.join(',')}`,
  ]),
].join('\n');
