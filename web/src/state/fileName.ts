/* The name a downloaded file gets: what, whether it is the sample, which days. */
export const fileName = (what: string, sample: boolean, from: string, to: string): string =>
  ['winnow', sample ? 'sample' : '', what, from, to].filter(Boolean).join('-');
