/* The pages by address. Each is a file of its own, loaded when it is first looked at. */
import { Component, lazy, Suspense, type ComponentType, type ReactNode } from 'react';
import { Link, Route, Routes, useLocation } from 'react-router-dom';
import { pageStrings, t } from './i18n';
import { Button, linkButtonClass, Notice, Skeleton } from './parts/ui';
import { Page, Shell } from './shell/Shell';

/* A page whose strings in the chosen language come with it. */
const withStrings = (load: () => Promise<{ default: ComponentType }>) => lazy(() => Promise.all([load(), pageStrings()]).then(([page]) => page));

const Overview = lazy(() => import('./pages/overview/Overview'));
const Explorer = withStrings(() => import('./pages/explorer/Explorer'));
const Forecast = withStrings(() => import('./pages/forecast/Forecast'));
const Anomalies = withStrings(() => import('./pages/anomalies/Anomalies'));
const Ctr = withStrings(() => import('./pages/ctr/Ctr'));
const Budget = withStrings(() => import('./pages/budget/Budget'));
const Experiments = withStrings(() => import('./pages/experiments/Experiments'));
const Import = withStrings(() => import('./pages/import/Import'));

/* A page that breaks leaves the rest standing and says what can be done. */
class Safe extends Component<{ children: ReactNode }, { failed: boolean }> {
  override state = { failed: false };
  static getDerivedStateFromError() {
    return { failed: true };
  }
  override render() {
    if (!this.state.failed) return this.props.children;
    return (
      <Page title={t('error.page')}>
        <Notice kind="bad" actions={<Button onClick={() => location.reload()}>{t('action.reload')}</Button>}>
          {t('error.page.detail')}
        </Notice>
      </Page>
    );
  }
}

const NotFound = () => (
  <Page title={t('error.missing')}>
    <Notice
      actions={
        <Link className={linkButtonClass()} to="/">
          {t('nav.overview')}
        </Link>
      }
    >
      {t('error.missing.detail')}
    </Notice>
  </Page>
);

export function App() {
  const { pathname } = useLocation();
  return (
    <Shell>
      <Safe key={pathname}>
        <Suspense
          fallback={
            <Page title={t('loading')}>
              <Skeleton height={320} />
            </Page>
          }
        >
          <Routes>
            <Route path="/" element={<Overview />} />
            <Route path="/explorer" element={<Explorer />} />
            <Route path="/forecast" element={<Forecast />} />
            <Route path="/anomalies" element={<Anomalies />} />
            <Route path="/ctr" element={<Ctr />} />
            <Route path="/budget" element={<Budget />} />
            <Route path="/experiments" element={<Experiments />} />
            <Route path="/import" element={<Import />} />
            <Route path="*" element={<NotFound />} />
          </Routes>
        </Suspense>
      </Safe>
    </Shell>
  );
}
