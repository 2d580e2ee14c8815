import { QueryClientProvider } from '@tanstack/react-query';
import { createRoot } from 'react-dom/client';
import { BrowserRouter } from 'react-router-dom';
import { queryClient } from './api/queries';
import { App } from './App';
import { startLanguage } from './i18n';
import './styles/tokens.css';
import './styles/base.css';

void startLanguage().then(() =>
  createRoot(document.getElementById('root')!).render(
    <QueryClientProvider client={queryClient}>
      {/* The address drives checkboxes and fields: it must not lag behind them as a transition. */}
      <BrowserRouter future={{ v7_startTransition: false, v7_relativeSplatPath: true }}>
        <App />
      </BrowserRouter>
    </QueryClientProvider>,
  ),
);
