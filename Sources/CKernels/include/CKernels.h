int ctk_placeholder(void);
