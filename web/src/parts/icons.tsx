/* Drawn for this application: 20 px, one stroke, the colour of the text. */
import type { ReactNode } from 'react';

const icon = (shape: ReactNode) =>
  function Icon() {
    return (
      <svg
        width="20"
        height="20"
        viewBox="0 0 20 20"
        fill="none"
        stroke="currentColor"
        strokeWidth="1.6"
        strokeLinecap="round"
        strokeLinejoin="round"
        aria-hidden="true"
        focusable="false"
      >
        {shape}
      </svg>
    );
  };

export const OverviewIcon = icon(<path d="M3 16.5h14M5 13.5V9M9 13.5V4.5M13 13.5v-3M17 13.5V7" />);
export const ExplorerIcon = icon(<path d="M3 5h14M6 10h11M9 15h8M3 10h0M6 15h0" />);
export const ForecastIcon = icon(<path d="M3 13.5 7 9l3 2.5M10 11.5l7-6.5M10 11.5l7-1M10 11.5l7 4" />);
export const AnomaliesIcon = icon(<path d="M3 14.5h3.5L9 4.5l2.5 11 1.5-4h4" />);
export const CtrIcon = icon(<path d="M8.5 8.5 17 12l-3.7 1.3L12 17zM7 2.8v2M2.8 7h2M4 4l1.4 1.4M10 4l-1 1.2M4 10l1.2-1" />);
export const BudgetIcon = icon(<path d="M4 16V9M10 16V4M16 16v-5M2.5 16h15" />);
export const ExperimentsIcon = icon(<path d="M8 3h4M8.5 3v5L4 15a1.2 1.2 0 0 0 1 1.8h10a1.2 1.2 0 0 0 1-1.8L11.500 8V3M6.500 12h7" />);
export const ImportIcon = icon(<path d="M10 3v9M6.5 8.5 10 12l3.5-3.5M3.5 13v2.5a1 1 0 0 0 1 1h11a1 1 0 0 0 1-1V13" />);
export const DocsIcon = icon(<path d="M7 6 3.5 10 7 14M13 6l3.5 4-3.5 4" />);
export const SearchIcon = icon(<path d="M8.7 14.2a5.5 5.5 0 1 0 0-11 5.5 5.5 0 0 0 0 11ZM12.8 12.8 17 17" />);
export const ThemeIcon = icon(
  <>
    <path d="M10 3.5a6.5 6.5 0 1 0 0 13z" fill="currentColor" />
    <circle cx="10" cy="10" r="6.5" />
  </>,
);
export const LanguageIcon = icon(
  <>
    <circle cx="10" cy="10" r="7" />
    <path d="M3 10h14M10 3c-4 4-4 10 0 14 4-4 4-10 0-14" />
  </>,
);
export const HelpIcon = icon(
  <>
    <circle cx="10" cy="10" r="7" />
    <path d="M7.9 8a2.1 2.1 0 1 1 3 1.9c-.6.3-.9.7-.9 1.4M10 13.7v.1" />
  </>,
);
export const RailIcon = icon(<path d="M3.5 4h13v12h-13zM8 4v12" />);
export const CloseIcon = icon(<path d="m5.5 5.5 9 9M14.5 5.5l-9 9" />);
export const DownIcon = icon(<path d="m6 8 4 4 4-4" />);
export const RightIcon = icon(<path d="m8 6 4 4-4 4" />);
export const LeftIcon = icon(<path d="m12 6-4 4 4 4" />);
export const CalendarIcon = icon(<path d="M4 5h12v11H4zM4 8.5h12M7 3v3M13 3v3" />);
export const TableIcon = icon(<path d="M3.5 4.5h13v11h-13zM3.5 8h13M3.5 11.7h13M8.5 8v7.5" />);
export const LineIcon = icon(<path d="M3.5 14.5 8 9l3.5 3 5-7" />);
export const DownloadIcon = icon(<path d="M10 3.5v8.5M6.8 9 10 12.2 13.2 9M4 16h12" />);
export const PlusIcon = icon(<path d="M10 4.5v11M4.5 10h11" />);
export const TrashIcon = icon(<path d="M4 6h12M8 6V4.5h4V6M5.5 6l.7 10h7.6l.7-10M8.5 9v4.5M11.5 9v4.5" />);
export const MoreIcon = icon(<path d="M5 10h0M10 10h0M15 10h0" strokeWidth="2.6" />);
