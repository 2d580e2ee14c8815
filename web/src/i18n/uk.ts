/* Ukrainian: begun. What is missing reads English until it is translated. */
import type { Catalog } from '.';

export const uk: Partial<Catalog> = {
  'nav.watch': 'Спостерігати',
  'nav.reach': 'Дані',
  'nav.run': 'Система',
  'nav.overview': 'Огляд',
  'nav.explorer': 'Дослідник',
  'nav.import': 'Імпорт',
  'count.rows': { one: '{n} рядок', few: '{n} рядки', many: '{n} рядків', other: '{n} рядка' },
  'count.days': { one: '{n} день', few: '{n} дні', many: '{n} днів', other: '{n} дня' },
};
