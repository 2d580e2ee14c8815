/* A choice of a few, whose name is for readers of the screen: what is chosen says what it is. */
import css from './Filters.module.css';
import { DownIcon } from './icons';

export function Select<V extends string>(props: { label: string; value: V; options: readonly (readonly [V, string])[]; onChange: (value: V) => void }) {
  return (
    <label className={css.select}>
      <span className="visually-hidden">{props.label}</span>
      <select value={props.value} onChange={(e) => props.onChange(e.target.value as V)}>
        {props.options.map(([value, text]) => (
          <option key={value} value={value}>
            {text}
          </option>
        ))}
      </select>
      <DownIcon />
    </label>
  );
}
