/* Russian: begun. What is missing reads English until it is translated. */
import type { Catalog } from '.';

export const ru: Partial<Catalog> = {
  'nav.watch': 'Наблюдать',
  'nav.reach': 'Данные',
  'nav.run': 'Система',
  'nav.overview': 'Обзор',
  'nav.explorer': 'Исследование',
  'nav.import': 'Импорт',
  'count.rows': { one: '{n} строка', few: '{n} строки', many: '{n} строк', other: '{n} строки' },
  'count.days': { one: '{n} день', few: '{n} дня', many: '{n} дней', other: '{n} дня' },
};
